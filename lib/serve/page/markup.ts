/** The page's HTML. */

const digits = Array.from({ length: 10 }, (_, digit) => {
  return `<li><span class="digit">${digit}</span><span class="track"><span class="fill" id="bar-${digit}"></span></span><span class="share" id="share-${digit}">0 %</span></li>`
}).join('\n          ')

/** Makes the HTML document with a style and a script. */
export function markup(style: string, script: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Neurode</title>
<link rel="icon" href="data:,">
<style>${style}</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header>
  <h1>Neurode</h1>
  <label id="models" hidden>Model <select id="model"></select></label>
  <p id="state" role="status">Loading…</p>
</header>
<form id="access" hidden>
  <label for="token">This server asks for a token</label>
  <input id="token" type="password" autocomplete="off" required>
  <button type="submit">Go on</button>
</form>
<main id="main" tabindex="-1">
  <section id="draw" aria-labelledby="draw-title" hidden>
    <h2 id="draw-title">Draw a digit</h2>
    <div class="columns">
      <div class="board">
        <div class="paper">
          <canvas id="canvas" width="280" height="280" tabindex="0" role="application"
            aria-label="Drawing area" aria-describedby="keys"></canvas>
          <span id="pen" aria-hidden="true" hidden></span>
        </div>
        <div class="tools">
          <button id="clear" type="button">Clear</button>
          <figure><span class="frame"><canvas id="seen" width="28" height="28" aria-hidden="true"></canvas></span>
            <figcaption>As the<br>model sees it</figcaption></figure>
        </div>
        <p id="keys" class="hint">With the keyboard: arrow keys move, <kbd>Space</kbd> puts the pen down or lifts it,
          <kbd>Delete</kbd> clears.</p>
      </div>
      <div class="answer">
        <p class="result"><output id="digit">–</output>
          <span><span id="confidence">Nothing drawn yet</span><br><span id="latency" class="hint"></span></span></p>
        <p id="spoken" class="only-spoken" role="status" aria-live="polite"></p>
        <ol class="bars" aria-label="Probability of each digit">
          ${digits}
        </ol>
      </div>
    </div>
  </section>
  <section id="row" aria-labelledby="row-title" hidden>
    <h2 id="row-title">Predict</h2>
    <div class="columns">
      <form id="row-form" class="plain" aria-describedby="row-hint" novalidate>
        <p id="row-hint" class="hint">An empty field is a gap. <span id="more-columns"></span></p>
        <div id="fields" class="fields"></div>
        <p class="buttons"><button type="submit">Predict</button>
          <button id="typical" type="button" class="quiet">Typical values</button>
          <button id="empty" type="button" class="quiet">Empty</button></p>
      </form>
      <div class="answer">
        <p class="result"><output id="prediction">–</output>
          <span><span id="row-sure"></span><br><span id="row-latency" class="hint"></span></span></p>
        <p id="row-error" class="bad" role="alert"></p>
        <p id="row-spoken" class="only-spoken" role="status" aria-live="polite"></p>
        <ol id="classes" class="bars" aria-label="Probability of each class"></ol>
        <details><summary>As a command</summary>
          <pre id="command" class="scroll" tabindex="0" aria-label="The request as a command"></pre></details>
      </div>
    </div>
  </section>
  <section aria-labelledby="live-title">
    <h2 id="live-title">Live</h2>
    <dl class="figures">
      <div><dt>Rows per second</dt><dd id="rate">0</dd></div>
      <div><dt>Rows per batch</dt><dd id="batch">–</dd></div>
      <div><dt>Request, mean</dt><dd id="duration">–</dd></div>
      <div><dt>Rows so far</dt><dd id="total">0</dd></div>
    </dl>
    <div class="columns">
      <figure class="chart">
        <figcaption>Rows per second, last minute; highest <span id="peak">0</span></figcaption>
        <svg viewBox="0 0 300 80" preserveAspectRatio="none" role="img" aria-label="Rows per second over the last minute">
          <path id="area" class="area" d=""/><path id="line" class="line" d=""/></svg>
      </figure>
      <figure class="chart">
        <figcaption>Batches by rows, up to</figcaption>
        <ol id="sizes" class="sizes" aria-label="Batches by rows"></ol>
      </figure>
    </div>
  </section>
  <section aria-labelledby="summary-title">
    <h2 id="summary-title">Model</h2>
    <p id="about"></p>
    <div class="scroll" tabindex="0" role="region" aria-label="Layers">
      <table>
        <thead><tr><th scope="col">Layer</th><th scope="col">Type</th><th scope="col">Output shape</th>
          <th scope="col" class="number">Parameters</th></tr></thead>
        <tbody id="layers"></tbody>
      </table>
    </div>
  </section>
</main>
<noscript><p>This page needs JavaScript.</p></noscript>
<script type="module">${script}</script>
</body>
</html>
`
}
