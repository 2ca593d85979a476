// millpond --live: when files change, reloads the page, or only what has changed on it.
(() => {
  if (window.millpondLive) return;
  window.millpondLive = true;
  const { file = "", missing } = document.currentScript.dataset;
  const plain = (path) => { try { return decodeURIComponent(path); } catch { return path; } };
  const shown = plain(file);
  const asked = plain(location.pathname).replace(/\/$/, "");
  let changed, renewed, source, id;

  // The path of a URL on this site.
  const pathOf = (url, base = document.baseURI) => {
    try {
      const { origin, pathname } = new URL(url, base);
      return origin === location.origin ? plain(pathname) : "";
    } catch { return ""; }
  };
  // A URL whose file has changed, so that no cache has it; any other as it is.
  const renew = (url, base = document.baseURI) => {
    if (!changed.has(pathOf(url, base))) return url;
    renewed.add(pathOf(url, base));
    const next = new URL(url, base);
    next.searchParams.set("live", Date.now());
    return next.href;
  };
  const renewAttribute = (element, name, words) => {
    const value = element.getAttribute(name) ?? "";
    const next = value.replace(words, (url) => renew(url));
    if (next !== value) element.setAttribute(name, next);
  };
  const renewStyle = (style, base) => {
    for (const name of [...style ?? []]) {
      const value = style.getPropertyValue(name);
      const next = value.replace(/url\("?(.*?)"?\)/g, (_, url) => `url("${renew(url, base)}")`);
      if (next !== value) style.setProperty(name, next, style.getPropertyPriority(name));
    }
  };
  const renewRules = (rules, base) => {
    for (const rule of rules) {
      if (rule.selectorText) renewStyle(rule.style, base);
      if (rule.cssRules) renewRules(rule.cssRules, base);
    }
  };
  // The old sheet goes when the new one is there.
  const swap = (link) => {
    const next = link.cloneNode();
    next.href = renew(link.href);
    if (link.isOld || next.href === link.href) return;
    link.isOld = true;
    next.onload = () => link.remove();
    next.onerror = () => { next.remove(); link.isOld = false; };
    link.after(next);
  };

  const apply = (paths) => {
    if (!paths) return location.reload();
    paths = paths.map(plain);
    changed = new Set(paths);
    renewed = new Set();
    const isInFolder = (path) => path.startsWith(shown) && !path.slice(shown.length).includes("/");
    if (changed.has(shown)
      || shown.endsWith("/") && paths.some(isInFolder)
      || missing !== undefined && paths.some((path) => path.startsWith(asked))) return location.reload();
    for (const link of document.querySelectorAll("link[rel~=stylesheet]")) swap(link);
    for (const link of document.querySelectorAll("link[rel~=icon]")) renewAttribute(link, "href", /.+/);
    for (const image of document.querySelectorAll("img, input, picture source, [poster]")) {
      renewAttribute(image, "src", /.+/);
      renewAttribute(image, "poster", /.+/);
      renewAttribute(image, "srcset", /[^\s,]\S*[^\s,]/g);
    }
    for (const { style } of document.querySelectorAll("[style*='url(']")) renewStyle(style);
    for (const sheet of document.styleSheets) {
      try { renewRules(sheet.cssRules, sheet.href ?? undefined); } catch { /* of another site */ }
    }
    // A frame reloads itself.
    const loaded = performance.getEntriesByType("resource").filter((it) => it.initiatorType !== "iframe");
    const used = new Set(loaded.map((it) => pathOf(it.name)));
    const isUsed = (path) => [path, path.replace(/\.html$/, ""), path.replace(/index\.html$/, "")].some((it) => used.has(it));
    if (paths.some((path) => isUsed(path) && !renewed.has(path))) location.reload();
  };

  // A browser has six connections to a server for all its tabs, so a hidden page gives its one back.
  const connect = () => {
    source?.close();
    if (document.hidden) return;
    source = new EventSource("/.well-known/millpond/live?" + (id ? "since=" + id : "age=" + Math.ceil(performance.now())));
    source.onmessage = (event) => {
      id = event.lastEventId;
      apply(JSON.parse(event.data));
    };
    source.onerror = ({ target }) => { if (target === source && target.readyState === 2) setTimeout(connect, 1000); };
  };
  performance.setResourceTimingBufferSize(10000);
  document.addEventListener("visibilitychange", connect);
  addEventListener("pageshow", (event) => { if (event.persisted) connect(); });
  connect();
})();
