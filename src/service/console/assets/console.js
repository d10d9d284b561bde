// Keeps the parts marked data-live fresh, and gives the buttons their work. The token is kept in this tab only.
"use strict";

const kRefreshMilliseconds = 3000;
const message = document.getElementById("message");

function say(text, bad) {
  message.textContent = text;
  message.className = bad ? "bad" : "";
}

async function refresh() {
  if (document.hidden || document.querySelector("dialog[open]")) return;
  try {
    const answer = await fetch(location.href, {cache: "no-store"});
    if (!answer.ok) throw new Error(`luge answered ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of document.querySelectorAll("[data-live]")) {
      const now = fresh.getElementById(part.id);
      if (now && !part.contains(document.activeElement) && now.innerHTML !== part.innerHTML) part.replaceWith(document.adoptNode(now));
    }
    if (message.dataset.lost) {
      delete message.dataset.lost;
      say("");
    }
  } catch (error) {
    message.dataset.lost = "1";
    say(`luge does not answer: this page shows what was known. ${error.message}`, true);
  }
}

function askToken() {
  const dialog = document.getElementById("token-dialog");
  const input = document.getElementById("token-input");
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const token = dialog.returnValue === "ok" ? input.value.trim() : "";
      input.value = "";
      if (token) sessionStorage.setItem("luge-token", token);
      resolve(token);
    }, {once: true});
    dialog.returnValue = "";
    dialog.showModal();
  });
}

// A name as the API's patterns take it exactly: in double quotes.
const quoted = (name) => `"${name.replaceAll('"', '""')}"`;

async function act(button) {
  const {action, pipeline, schema, table} = button.dataset;
  if (action === "resync" && !confirm(`Copy ${schema}.${table} again? Its rows stay readable until the new copy is complete.`)) return;
  const token = sessionStorage.getItem("luge-token") || await askToken();
  if (!token) return;
  button.disabled = true;
  try {
    const answer = await fetch(`/api/v1/pipelines/${encodeURIComponent(pipeline)}/${action}`, {
      method: "POST",
      headers: {"Authorization": `Bearer ${token}`, "Content-Type": "application/json"},
      body: action === "resync" ? JSON.stringify({table: `${quoted(schema)}.${quoted(table)}`}) : "{}",
    });
    const result = await answer.json();
    if (answer.status === 401) sessionStorage.removeItem("luge-token");
    if (answer.ok) say(`${action}: done`);
    else say([result.what, result.hint].filter(Boolean).join(". "), true);
  } catch (error) {
    say(`luge does not answer. ${error.message}`, true);
  } finally {
    button.disabled = false;
    button.blur();
    refresh();
  }
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) act(button);
});
document.getElementById("token").addEventListener("click", askToken);
document.getElementById("theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  localStorage.setItem("luge-theme", root.dataset.theme);
});
const theme = localStorage.getItem("luge-theme");
if (theme) document.documentElement.dataset.theme = theme;
setInterval(refresh, kRefreshMilliseconds);
document.addEventListener("visibilitychange", refresh);
