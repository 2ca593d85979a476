// Shows what the server says about this page, read from real exchanges with it. The page is whole
// without this script; all that it fills is hidden until there is something to show.

const FIELDS = ["Server", "Content-Type", "Content-Encoding", "Content-Length", "Last-Modified", "ETag", "Cache-Control"];

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
    const head = await ask("HEAD", "/");
    const exchanges = [described(head), await revalidate(head), await askForPart(), await askForDirectory(), await askForOptions()];
    list("#facts", FIELDS.map((name) => [name, head.headers.get(name)]).map(fact));
    list("#exchanges", exchanges.map(exchange));
    const milliseconds = Math.max(1, Math.round(performance.now() - started));
    summary.textContent = `Five questions, answered in ${milliseconds} ms. ${describeLoad()}`;
  } catch {
    summary.textContent = "The server does not answer any more. Is it still running?";
  }
  section.hidden = false;
  again.disabled = false;
}

// The exchanges ----------------------------------------------------------------------------------

async function ask(method, target, fields = {}) {
  const response = await fetch(target, { method, headers: fields, cache: "no-store" });
  await response.arrayBuffer();
  return response;
}

function described(head) {
  return { asked: "HEAD /", response: head, told: "The fields alone, those shown here." };
}

async function revalidate(head) {
  const etag = head.headers.get("ETag");
  if (etag === null) return { asked: "GET /", response: head, told: "No ETag came, so a copy cannot be checked." };
  const response = await ask("GET", "/", { "If-None-Match": etag });
  const told = response.status === 304 ? "Unchanged: no content was sent again." : "The page was sent anew.";
  return { asked: `GET /, If-None-Match: ${etag}`, response, told };
}

async function askForPart() {
  const response = await ask("GET", "/pond.svg", { Range: "bytes=0-99" });
  const range = response.headers.get("Content-Range");
  return { asked: "GET /pond.svg, Range: bytes=0-99", response, told: range ?? "No part: the whole file was sent." };
}

async function askForDirectory() {
  const response = await ask("GET", "/guide");
  const path = new URL(response.url).pathname;
  return { asked: "GET /guide", response, told: response.redirected ? `Sent on to ${path}` : "Not sent on." };
}

async function askForOptions() {
  const response = await ask("OPTIONS", "/");
  return { asked: "OPTIONS /", response, told: `Allow: ${response.headers.get("Allow") ?? "not said"}` };
}

/** How this very page came: a reload asks with its validator and is told 304. */
function describeLoad() {
  const [load] = performance.getEntriesByType("navigation");
  if (!load?.encodedBodySize) return "";
  if (load.transferSize === 0) return "This page itself came from your browser’s own copy.";
  if (load.transferSize < load.encodedBodySize) return "This page itself was only checked: 304, your browser’s copy is good.";
  return `This page itself was sent whole, ${load.encodedBodySize} bytes; reload it, and it is only checked.`;
}

// What is shown ----------------------------------------------------------------------------------

function fact([name, value]) {
  return element("div", "", element("dt", "", name), element("dd", "", value ?? "not sent"));
}

function exchange({ asked, response, told }) {
  const status = element("span", response.ok || response.status === 304 ? "status good" : "status none", response.status);
  return element("li", "", element("p", "asked", asked), element("p", "told", status, ` ${told}`));
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
