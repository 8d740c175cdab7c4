// SPDX-License-Identifier: Apache-2.0

/// How pages for people look: light, one column, the system's own typefaces, nothing loaded from outside.
enum IndexStyle {
  static let sheet: HTML = """
    :root { --ink: #1d2433; --soft: #5b6577; --line: #e3e7ee; --paper: #fff; --ground: #f6f7f9;
      --link: #1a56c4; --good: #1c7a43; --wait: #8a6100; --bad: #b3261e; }
    * { box-sizing: border-box; }
    body { margin: 0; background: var(--ground); color: var(--ink);
      font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
    main { max-width: 62rem; margin: 0 auto; padding: 2.5rem 1.5rem 4rem; }
    h1 { font-size: 1.7rem; line-height: 1.2; margin: 0; letter-spacing: -0.01em; }
    h2 { font-size: 1.1rem; margin: 2.5rem 0 0.6rem; }
    p { margin: 0.4rem 0; max-width: 42rem; }
    a { color: var(--link); text-decoration: none; }
    a:hover, a:focus { text-decoration: underline; }
    .soft { color: var(--soft); }
    .sums { display: flex; flex-wrap: wrap; gap: 0.75rem; margin: 1.5rem 0 0; padding: 0; }
    .sums div { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
      padding: 0.6rem 1rem; min-width: 7rem; }
    .sums dt { color: var(--soft); font-size: 0.85rem; }
    .sums dd { margin: 0; font-size: 1.5rem; line-height: 1.3; font-variant-numeric: tabular-nums; }
    table { width: 100%; border-collapse: collapse; background: var(--paper);
      border: 1px solid var(--line); border-radius: 8px; font-size: 0.93rem; }
    th, td { text-align: left; vertical-align: top; padding: 0.45rem 0.8rem;
      border-top: 1px solid var(--line); overflow-wrap: anywhere; }
    thead th { border-top: 0; color: var(--soft); font-weight: 500; font-size: 0.85rem; }
    td.name { white-space: nowrap; }
    td.object { min-width: 17rem; }
    code { font: 0.92em/1.4 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
    form { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
      padding: 0.4rem 1rem 1rem; margin: 1.2rem 0; }
    .row { display: flex; flex-wrap: wrap; gap: 0.8rem; align-items: flex-end; margin-top: 0.6rem; }
    .grow { flex: 1 1 14rem; }
    label { display: flex; flex-direction: column; color: var(--soft); font-size: 0.85rem; }
    label.check { flex-direction: row; gap: 0.4rem; align-items: center; padding-bottom: 0.5rem; }
    input, select, textarea, button { font: inherit; font-size: 0.95rem; color: var(--ink);
      padding: 0.35rem 0.55rem; border: 1px solid #c9d0dc; border-radius: 6px; background: #fff; }
    textarea { resize: vertical; }
    button { background: var(--link); border-color: var(--link); color: #fff; cursor: pointer;
      padding: 0.4rem 1.2rem; margin-left: auto; }
    .banner { max-width: none; background: var(--paper); border: 1px solid var(--line);
      border-left: 4px solid currentColor; border-radius: 8px; padding: 0.8rem 1rem; }
    .banner, .banner code { font-size: 1.02rem; overflow-wrap: anywhere; }
    .lines { white-space: pre-line; }
    .way { list-style: none; margin: 0; padding: 0; }
    .step { background: var(--paper); border: 1px solid var(--line); border-radius: 8px;
      padding: 0.7rem 1rem; margin: 0 0 1.1rem; position: relative; }
    .step:not(:last-child)::after { content: "↓"; position: absolute; bottom: -1.25rem; left: 1.4rem;
      color: var(--soft); }
    .step h3 { font-size: 0.98rem; font-weight: 500; margin: 0; overflow-wrap: anywhere; }
    .step ul { margin: 0.4rem 0 0; padding-left: 1.2rem; font-size: 0.93rem; }
    .kind { display: inline-block; min-width: 7rem; color: var(--soft); font-weight: 400; }
    .made { margin: 0.5rem 0 0; max-width: none; font-size: 0.88rem; }
    .chip { display: inline-block; background: var(--ground); border: 1px solid var(--line);
      border-radius: 8px; padding: 0.05rem 0.6rem; color: var(--ink); margin: 0.1rem 0; font-size: 0.85rem; }
    .chip b { font-weight: 600; }
    details { margin-top: 0.5rem; font-size: 0.9rem; }
    summary { cursor: pointer; color: var(--soft); }
    .passed table { border-radius: 0; border-width: 1px 0 0; margin-top: 0.4rem; }
    .passed td:first-child { width: 32%; }
    .good { color: var(--good); } .wait { color: var(--wait); } .bad { color: var(--bad); }
    """
}
