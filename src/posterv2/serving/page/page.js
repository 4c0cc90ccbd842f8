// The page: what people do with it, and what it tells them.

import { Gallery } from "./gallery.js";
import { Live } from "./live.js";
import { keep, toCsv, toJson } from "./rows.js";
import { Server } from "./server.js";

const find = id => document.getElementById(id);

function say(text, alert = "") {
  tell(find("status"), text);
  tell(find("alert"), alert);
}

function tell(place, text) {
  if (place.textContent !== text) place.textContent = text; // screen readers read again what is set again
}

function askToken(refused) {
  const form = find("token"), text = find("token-text");
  say("", refused ? "The server does not take this token. Try another one." : "");
  form.hidden = false;
  text.focus();
  return new Promise(done => {
    form.onsubmit = event => {
      event.preventDefault();
      form.hidden = true;
      say("");
      done(text.value);
      text.value = "";
    };
  });
}

const server = new Server({
  askToken,
  tellBusy: seconds => say(`The server is busy. Trying again in ${seconds} ${seconds === 1 ? "second" : "seconds"} …`),
});

const gallery = new Gallery(find("results"), server, say);
find("choose").onclick = () => find("files").click();
find("files").onchange = ({ target }) => {
  gallery.add(target.files);
  target.value = ""; // so that the same file can be chosen again
};
find("clear").onclick = () => {
  gallery.clear();
  find("choose").focus();
};

document.addEventListener("paste", event => gallery.add(event.clipboardData.files));
document.addEventListener("dragover", event => {
  event.preventDefault();
  document.body.classList.add("dragged");
});
document.addEventListener("dragleave", event => event.relatedTarget || document.body.classList.remove("dragged"));
document.addEventListener("drop", event => {
  event.preventDefault();
  document.body.classList.remove("dragged");
  gallery.add(event.dataTransfer.files);
});

const live = new Live(find("live"), server, say, on => {
  const pressed = find(on ? "camera" : "stop"), next = find(on ? "stop" : "camera"), moves = document.activeElement === pressed;
  pressed.hidden = true;
  next.hidden = false;
  if (moves) next.focus(); // where nobody is elsewhere meanwhile, at the token for example
});
find("camera").onclick = () => live.start();
find("stop").onclick = () => live.stop();

const download = (button, name, source) => {
  button.onclick = () => {
    if (button.dataset.download === "csv") keep(toCsv(source.answers), `${name}.csv`, "text/csv");
    else keep(toJson(source.answers), `${name}.json`, "application/json");
  };
};
find("live").querySelectorAll("[data-download]").forEach(button => download(button, "camera", live));
find("results").querySelectorAll("[data-download]").forEach(button => download(button, "pictures", gallery));

try {
  const { name, labels } = await server.model();
  find("model").textContent = `${name} · ${labels.length} expressions`;
} catch (error) {
  say("", error.message);
}
