// Clickledger in a shop's page: keeps the ctx of the short link that led here, and reports conversions with it.
//
//   <script src="https://analytics.example/v2/public/clickledger.js"></script>
//   clickledger.convert({ value: 99.99, currency: "EUR", key: order.id }).then((answer) => …)
//
// `make docs` minifies this file into what the API serves: less than 1 KB.
(() => {
  const KEPT = "clickledger.ctx";
  const LAST_TRY = 5;
  const endpoint = new URL("conversions", document.currentScript.src);
  let ctx;

  // Out of the address bar, so that nobody shares it; the rest of the address stays as it is. A whole URL: a path alone
  // would lead elsewhere from a page with a <base>, or where it begins with two slashes.
  const url = new URL(location);
  url.search = url.search.replace(/(?:^\?|&)ctx=([^&]*)/g, (_, given) => ((ctx = given), "")).replace(/^&/, "");
  if (ctx) history.replaceState(history.state, "", url);

  // Where a page may not store anything, the ctx lives as long as the page.
  try {
    if (ctx) sessionStorage.setItem(KEPT, ctx);
    else ctx = sessionStorage.getItem(KEPT);
  } catch {}

  // Resolves to the API's answer, or to null where no short link led here. Rejects when the API refuses (the error has its
  // `error` and `status`) or cannot be reached in six tries; all tries carry one idempotency key, so none counts twice.
  const convert = async ({ value, currency, eventType = "conversion", key } = {}) => {
    if (!ctx) return null;
    key ??= crypto.getRandomValues(new Uint32Array(4)).join("-");
    const body = JSON.stringify({ ctx, eventType, idempotencyKey: key + "", value, currency });
    const headers = { "Content-Type": "application/json" };
    for (let tried = 0; ; tried++) {
      let failure;
      let seconds = 2 ** tried * (0.5 + Math.random() / 2);
      try {
        const response = await fetch(endpoint, { method: "POST", headers, body, keepalive: true });
        const answer = await response.json().catch(() => 0); // cut, or not the API's
        if (response.ok && answer) return answer;
        failure = Object.assign(Error(answer.message), answer, { status: response.status });
        seconds = response.headers.get("Retry-After") || seconds;
      } catch (error) {
        failure = error; // the network's: it has no status
      }
      if (tried == LAST_TRY || (((failure.status / 100) | 0) == 4 && failure.status != 429)) throw failure;
      await new Promise((go) => setTimeout(go, seconds * 1000));
    }
  };

  window.clickledger = { convert };
})();
