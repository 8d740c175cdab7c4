// SPDX-License-Identifier: Apache-2.0

/// How the index looks: light, one column, the system's own typefaces, nothing loaded from outside.
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
    code { font: 0.92em/1.4 ui-monospace, "SF Mono", Menlo, "DejaVu Sans Mono", monospace; }
    .good { color: var(--good); } .wait { color: var(--wait); } .bad { color: var(--bad); }
    """
}
