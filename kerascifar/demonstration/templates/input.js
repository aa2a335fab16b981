"use strict";
// Ways in: a file, a drop, a paste, the camera, and the pictures that come along.
const Input = (() => {
  const PER_PAGE = 12;

  const gallery = (show, fail) => {
    const { items } = Page.gallery, list = find(".gallery ul"), more = find("#more");
    let at = 0;
    const fill = () => list.replaceChildren(...items.slice(at, at + PER_PAGE).map(({ src, caption }) => {
      const button = el("button", { type: "button" }, el("img", { src, alt: caption, title: caption }));
      button.addEventListener("click", async () => {
        try { show(await (await fetch(src)).blob(), caption); } catch { fail(new Error("the server does not answer")); }
      });
      return el("li", {}, button);
    }));
    more.hidden = items.length <= PER_PAGE;
    more.addEventListener("click", () => { at = at + PER_PAGE < items.length ? at + PER_PAGE : 0; fill(); });
    fill();
  };

  const camera = (show, fail) => {
    const [start, take, video] = [find("#camera"), find("#take"), find("video")];
    if (!navigator.mediaDevices || !navigator.mediaDevices.getUserMedia) { start.hidden = true; return; }
    const on = (is) => { video.hidden = take.hidden = !is; start.textContent = is ? "Stop the camera" : "Use the camera"; };
    const stop = () => {
      for (const track of video.srcObject.getTracks()) track.stop();
      video.srcObject = null;
      on(false);
    };
    start.addEventListener("click", async () => {
      if (video.srcObject) { stop(); return; }
      try {
        video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
        on(true);
        await video.play();
      } catch (error) {
        fail(new Error(`the camera cannot be used: ${error.message}`));
      }
    });
    take.addEventListener("click", () => {
      const side = Math.min(video.videoWidth, video.videoHeight), canvas = el("canvas", { width: side, height: side });
      canvas.getContext("2d").drawImage(video, (side - video.videoWidth) / 2, (side - video.videoHeight) / 2);
      canvas.toBlob((blob) => show(blob, "photograph"));
    });
  };

  const begin = (show, fail) => {
    const first = ([file], what) => {
      if (file) show(file, file.name || what); else fail(new Error(`${what} holds no picture`));
    };
    const choose = find("#file"), area = find(".drop");
    choose.disabled = false;
    choose.addEventListener("change", () => { if (choose.files.length) first(choose.files, "file"); choose.value = ""; });
    document.addEventListener("dragover", (event) => { event.preventDefault(); area.classList.add("over"); });
    document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) area.classList.remove("over"); });
    document.addEventListener("drop", (event) => {
      event.preventDefault();
      area.classList.remove("over");
      first(event.dataTransfer.files, "what was dropped");
    });
    document.addEventListener("paste", (event) => first(event.clipboardData.files, "what was pasted"));
    camera(show, fail);
    if (Page.gallery) gallery(show, fail);
  };

  return { begin };
})();
