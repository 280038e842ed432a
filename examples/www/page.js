// SPDX-License-Identifier: BSD-2-Clause
// The WebSocket box: connect, ask the echo which rule of the configuration led to it, send, show what comes back.
"use strict";

const at = (id) => document.getElementById(id);
const OFFERED = ["echo.v1", "chat"];
let socket = null;
let asked = false;  // the answer to "?head" is on its way
const sentAt = [];

at("url").value = (location.protocol === "https:" ? "wss://" : "ws://") + location.host + "/ws";

function show(kind, text, detail) {
  const item = document.createElement("li");
  item.className = kind;
  item.textContent = text;
  if (detail) {
    const small = document.createElement("small");
    small.textContent = detail;
    item.append(small);
  }
  at("log").append(item);
  at("log").scrollTop = at("log").scrollHeight;
}

function state(word) {
  at("state").textContent = at("state").dataset.state = word;
  at("send").disabled = word !== "open";
  at("connect").textContent = word === "open" ? "Disconnect" : "Connect";
}

// The configuration sends the rule to the upstream (proxy_set_header X-Wsrp-Rule $wsrp_rule); the echo tells us the head.
function ruleOf(head) {
  const line = head.split("\r\n").find((one) => /^x-wsrp-rule:/i.test(one));
  return line ? line.slice(line.indexOf(":") + 1).trim() : "not named";
}

function received(data) {
  if (asked) {
    asked = false;
    at("rule").textContent = ruleOf(data);
    return;
  }
  const took = performance.now() - sentAt.shift();
  show("got", data, `${took.toFixed(1)} ms`);
}

function connect() {
  let mine;
  try {
    mine = socket = new WebSocket(at("url").value, OFFERED);
  } catch (error) {
    show("note", error.message);
    state("failed");
    return;
  }
  let opened = false;
  state("connecting");
  mine.onopen = () => {
    opened = true;
    state("open");
    at("protocol").textContent = mine.protocol || "none";
    show("note", "connected");
    asked = true;
    mine.send("?head");
    at("message").focus();
  };
  mine.onmessage = (event) => received(event.data);
  mine.onclose = (event) => {
    socket = null;
    asked = false;
    sentAt.length = 0;
    state(opened ? "closed" : "failed");
    show("note", opened ? `closed with code ${event.code}` : "no connection");
  };
}

at("open").addEventListener("submit", (event) => {
  event.preventDefault();
  if (socket)
    socket.close(1000);
  else
    connect();
});

at("say").addEventListener("submit", (event) => {
  event.preventDefault();
  if (!socket || socket.readyState !== WebSocket.OPEN || at("message").value === "")
    return;
  sentAt.push(performance.now());
  socket.send(at("message").value);
  show("sent", at("message").value);
  at("message").select();
});
