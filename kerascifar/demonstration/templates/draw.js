"use strict";
// A canvas to draw on, with a pointer or with the arrow keys; each finished stroke is shown to the nets.
const Draw = (() => {
  const STEP = 8, NAME = "drawing";
  const begin = (show) => {
    const [canvas, colour, size, cursor] = [find("#drawing"), find("#colour"), find("#size"), find(".cursor")];
    if (narrow()) find(".draw").open = false; // or the answer is far below
    const context = canvas.getContext("2d"), { width, height } = canvas;
    let last = null, pen = { x: width / 2, y: height / 2, down: false }, waiting = 0;

    const clear = () => { context.fillStyle = "#ffffff"; context.fillRect(0, 0, width, height); };
    const answer = () => canvas.toBlob((blob) => show(blob, NAME));
    const line = (from, to) => {
      context.strokeStyle = colour.value;
      context.lineWidth = Number(size.value);
      context.lineCap = context.lineJoin = "round";
      context.beginPath();
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
      context.stroke();
    };
    const at = (event) => ({ x: (event.offsetX * width) / canvas.clientWidth, y: (event.offsetY * height) / canvas.clientHeight });

    canvas.addEventListener("pointerdown", (event) => {
      canvas.setPointerCapture(event.pointerId);
      last = at(event);
      line(last, last);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!last) return;
      const next = at(event);
      line(last, next);
      last = next;
    });
    for (const end of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(end, () => { if (last) answer(); last = null; });
    }

    const where = () => {
      cursor.style.left = `${(100 * pen.x) / width}%`;
      cursor.style.top = `${(100 * pen.y) / height}%`;
      cursor.classList.toggle("down", pen.down);
    };
    const keys = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] };
    canvas.addEventListener("keydown", (event) => {
      if (event.key === " ") {
        pen.down = !pen.down;
        if (pen.down) line(pen, pen);
      } else if (keys[event.key]) {
        const [dx, dy] = keys[event.key], inside = (value, most) => Math.min(most, Math.max(0, value));
        const next = { ...pen, x: inside(pen.x + dx, width), y: inside(pen.y + dy, height) };
        if (pen.down) line(pen, next);
        pen = next;
      } else {
        return;
      }
      event.preventDefault();
      where();
      clearTimeout(waiting);
      if (pen.down || event.key === " ") waiting = setTimeout(answer, 300);
    });
    find("#clear").addEventListener("click", clear);
    clear();
    where();
  };
  return { begin, NAME };
})();
