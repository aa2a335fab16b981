"use strict";
// What a person thinks of each finding: kept by this browser under the audit's id, and written as CSV.
const Marks = (() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const place = `kerascifar.audit.${data.id}`;
  let kept = new Map(), works = true;
  // Another window may show the same audit, so what is kept is read anew before each change.
  const read = () => {
    try {
      const found = JSON.parse(localStorage.getItem(place) || "{}");
      kept = new Map(Object.entries(found).filter(([, mark]) => mark === "agree" || mark === "disagree"));
    } catch (error) {
      if (!(error instanceof SyntaxError)) works = false;
    }
  };
  const set = (key, mark) => {
    if (works) read();  // else what could not be stored would be forgotten
    if (mark) kept.set(key, mark); else kept.delete(key);
    try { localStorage.setItem(place, JSON.stringify(Object.fromEntries(kept))); } catch { works = false; }
  };
  // A cell in quotes where it needs them, and behind a ' where a spreadsheet would take it for a formula.
  const cell = (value) => {
    const text = String(value), safe = /^[=+\-@\t\r]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  // The checksum is that of the image that would be left out: the second of a pair.
  const csv = (findings) => {
    const lines = ["kind,a_split,a_index,b_split,b_index,sha256,mark"];
    for (const { kind, key, of } of findings) {
      const mark = kept.get(key);
      if (!mark) continue;
      const images = kind === "pair" ? [of.a_split, of.a_index, of.b_split, of.b_index, of.b_sha256]
        : [of.split, of.index, "", "", of.sha256 || ""];
      lines.push([kind, ...images, mark].map(cell).join(","));
    }
    return `${lines.join("\n")}\n`;
  };
  const save = (findings) => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([csv(findings)], { type: "text/csv" }));
    link.download = `marks-${data.id.replace(/[^\w.-]/g, "_")}.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  read();
  return { data, place, read, set, csv, save, get: (key) => kept.get(key) || "", works: () => works };
})();
