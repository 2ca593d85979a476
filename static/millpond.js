// Shows what the server sends for this page, from real requests to it. The page is complete without
// this script; everything that it fills is hidden until there is something to show.

const HEADERS = ["Server", "Content-Type", "Content-Encoding", "Content-Length", "Last-Modified", "ETag", "Cache-Control"];

const section = document.querySelector("#live");
const summary = document.querySelector("#summary");
const again = document.querySelector("#again");

for (const origin of document.querySelectorAll(".origin")) origin.textContent = location.origin;
again.addEventListener("click", show);
await show();

async function show() {
  const started = performance.now();
  again.disabled = true;
  try {
    const head = await send("HEAD", "/");
    const requests = [described(head), await revalidate(head), await requestRange(), await requestDirectory(), await requestOptions()];
    list("#facts", HEADERS.map((name) => [name, head.headers.get(name)]).map(fact));
    list("#requests", requests.map(request));
    const milliseconds = Math.max(1, Math.round(performance.now() - started));
    summary.textContent = `Five requests, answered in ${milliseconds} ms. ${describeLoad()}`;
  } catch {
    summary.textContent = "The server no longer answers. Is it still running?";
  }
  section.hidden = false;
  again.disabled = false;
}

// The requests -----------------------------------------------------------------------------------

async function send(method, target, headers = {}) {
  const response = await fetch(target, { method, headers, cache: "no-store" });
  await response.arrayBuffer();
  return response;
}

function described(head) {
  return { sent: "HEAD /", response: head, result: "Headers only: the ones shown here." };
}

async function revalidate(head) {
  const etag = head.headers.get("ETag");
  if (etag === null) return { sent: "GET /", response: head, result: "There is no ETag, so a copy cannot be revalidated." };
  const response = await send("GET", "/", { "If-None-Match": etag });
  const result = response.status === 304 ? "Unchanged: no content was sent." : "The page was sent again.";
  return { sent: `GET /, If-None-Match: ${etag}`, response, result };
}

async function requestRange() {
  const response = await send("GET", "/pond.svg", { Range: "bytes=0-99" });
  const range = response.headers.get("Content-Range");
  return { sent: "GET /pond.svg, Range: bytes=0-99", response, result: range ?? "No range: the whole file was sent." };
}

async function requestDirectory() {
  const response = await send("GET", "/guide");
  const path = new URL(response.url).pathname;
  return { sent: "GET /guide", response, result: response.redirected ? `Redirected to ${path}` : "Not redirected." };
}

async function requestOptions() {
  const response = await send("OPTIONS", "/");
  return { sent: "OPTIONS /", response, result: `Allow: ${response.headers.get("Allow") ?? "not sent"}` };
}

/** How this page came: a reload revalidates it and gets 304. */
function describeLoad() {
  const [load] = performance.getEntriesByType("navigation");
  if (!load?.encodedBodySize) return "";
  if (load.transferSize === 0) return "This page came from your browser’s cache.";
  if (load.transferSize < load.encodedBodySize) return "This page was only revalidated: 304, your browser’s copy is current.";
  return `This page was sent whole, ${load.encodedBodySize} bytes; reload it, and it is only revalidated.`;
}

// The page ---------------------------------------------------------------------------------------

function fact([name, value]) {
  return element("div", "", element("dt", "", name), element("dd", "", value ?? "not sent"));
}

function request({ sent, response, result }) {
  const status = element("span", response.ok || response.status === 304 ? "status good" : "status none", response.status);
  return element("li", "", element("p", "sent", sent), element("p", "result", status, ` ${result}`));
}

function list(selector, children) {
  document.querySelector(selector).replaceChildren(...children);
}

function element(name, className, ...children) {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.append(...children);
  return made;
}
