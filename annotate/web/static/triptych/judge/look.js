// How the pair is looked at: layout, shown size, one shared zoom and pan, the flip. It logs what was used.
// It must not know what is asked or what was answered.

const LARGEST = 12; // times the fitted size
const WHEEL_SPEED = 0.0018;
const NARROW = "(max-width: 899px)";
const FLIP = "(max-width: 620px), (max-width: 899px) and (max-aspect-ratio: 1/1)";
// Pictures whose pixels are large squares on any screen: enlarged by whole factors, never smoothed.
const TINY = 64;
const LOW = "(max-width: 899px), (max-height: 480px)";

/** The largest scale below `fit` at which a picture's pixel is a whole number of the screen's. */
const whole = (fit) => Math.max(1, Math.floor(fit * window.devicePixelRatio)) / window.devicePixelRatio;

export class Look {
  #scale = 1;
  #x = 0; // of the pictures' left edge, as a share of the frame
  #y = 0;
  #at = { x: 0.5, y: 0.5 }; // where the cursor last was, as a share of the frame
  #pointers = new Map();
  #covers = []; // over the left and the right picture
  #held = false;
  #latched = false;
  #log = { zooms: 0, zoom_ms: 0, flips: 0, flip_ms: 0 };
  #zoomedAt = null;
  #flippedAt = null;

  /** onChange() after every change of layout, zoom or flip. */
  constructor({ stage, config, onChange }) {
    Object.assign(this, { stage, config, onChange });
    this.panes = [...stage.querySelectorAll(".pane-1, .pane-2")];
    this.frames = this.panes.map((pane) => pane.querySelector(".frame"));
    this.numbers = this.panes.map((pane) => pane.querySelector(".no"));
    for (const frame of this.frames) this.#attend(frame);
    for (const thumb of stage.querySelectorAll(".thumb")) {
      thumb.addEventListener("click", () => this.show(thumb.dataset.shows));
    }
    new ResizeObserver(() => this.arrange()).observe(stage);
    window.addEventListener("resize", () => this.arrange());
    this.arrange();
  }

  /** wide, low, flip or note; what the style sheet and the vote call it. */
  get layout() {
    const is = (query) => window.matchMedia(query).matches;
    if (is(FLIP)) return this.config.phone ? "flip" : "note";
    // 200 % zoom on a laptop is always welcome; a small touch screen only where the protocol says so.
    if (!this.config.phone && is(`${NARROW} and (pointer: coarse)`)) return "note";
    return is(LOW) ? "low" : "wide";
  }

  /** Nothing to look at: both frames empty at once. */
  clear() {
    this.pictures = null;
    this.#covers = [];
    for (const box of this.stage.querySelectorAll(".frame, .thumb-pic")) box.replaceChildren();
  }

  /** A new pair, decoded: fitted, not flipped, nothing logged. `context` is the source picture or null. */
  reset(task, pictures, context) {
    Object.assign(this, { task, pictures, context });
    this.#covers = [];
    this.#log = { zooms: 0, zoom_ms: 0, flips: 0, flip_ms: 0 };
    this.#zoomedAt = this.#flippedAt = null;
    this.#held = this.#latched = false;
    this.#pointers.clear();
    // On a phone one picture comes first: drawn, and logged with the vote.
    this.first = this.layout === "flip" ? String(1 + (crypto.getRandomValues(new Uint8Array(1))[0] & 1)) : null;
    this.stage.dataset.show = this.first ?? "1";
    const [wide, high] = task.sizes[0].map((side, i) => Math.max(side, task.sizes[1][i]));
    this.stage.style.setProperty("--ar", String(wide / high));
    this.stage.querySelector(".pane-context .frame").replaceChildren(...(context ? [context] : []));
    [this.#scale, this.#x, this.#y] = [1, 0, 0];
    this.#paintFlip();
    this.arrange();
  }

  /** Lays `make(side, [width, height])` over each picture, where it gives an element: in its box, through zoom and flip. */
  cover(make) {
    if (!this.pictures) return;
    this.#covers = this.task.sizes.map((size, i) => make(i + 1, size));
    this.#paintFlip();
    this.arrange();
  }

  #layers = (which) => [this.pictures[which], this.#covers[which]].filter(Boolean);

  /** Puts layout and picture sizes right; called on each new pair and whenever the window changes. */
  arrange() {
    document.body.dataset.layout = this.layout;
    if (this.pictures) {
      this.#size();
      this.#fillThumbs();
      this.#place(this.#scale, this.#x, this.#y);
    }
    this.onChange(this);
  }

  /** Under the native policy both are shown pixel for pixel, or under one and the same reduction. */
  #size() {
    const { clientWidth: width, clientHeight: height } = this.frames[0];
    const sizes = this.task.sizes;
    const fit = Math.min(...sizes.map(([w, h]) => Math.min(width / w, height / h)));
    const native = this.config.display === "native";
    const tiny = Math.max(...sizes.flat()) <= TINY;
    this.shownScale = native ? Math.min(fit, 1 / window.devicePixelRatio) : tiny ? whole(fit) : fit;
    this.pictures.forEach((picture, i) => {
      for (const layer of this.#layers(i)) {
        layer.style.width = native || tiny ? `${sizes[i][0] * this.shownScale}px` : "";
        layer.style.height = native || tiny ? `${sizes[i][1] * this.shownScale}px` : "";
      }
      picture.classList.toggle("is-tiny", tiny);
    });
  }

  /** Screen pixels per picture pixel at this moment: 1 is pixel for pixel. */
  get magnification() {
    return (this.shownScale ?? 1) * this.#scale * window.devicePixelRatio;
  }

  get zoomed() {
    return this.#scale > 1.001;
  }

  get flipped() {
    return this.#held !== this.#latched;
  }

  /** How the pair was presented, for the vote. Sizes in CSS pixels; scale in screen pixels per picture pixel. */
  display() {
    const { clientWidth, clientHeight } = this.pictures[0];
    return {
      viewport: [window.innerWidth, window.innerHeight],
      dpr: window.devicePixelRatio,
      shown: [clientWidth, clientHeight],
      scale: Math.round(this.shownScale * window.devicePixelRatio * 1000) / 1000,
      layout: this.layout === "flip" ? "flip" : "wide",
      ...(this.first ? { first: Number(this.first) } : {}),
    };
  }

  log() {
    const now = performance.now();
    const open = (since) => (since === null ? 0 : now - since);
    return {
      ...this.#log,
      zoom_ms: Math.round(this.#log.zoom_ms + open(this.#zoomedAt)),
      flip_ms: Math.round(this.#log.flip_ms + open(this.#flippedAt)),
    };
  }

  /** The small pictures to flip by thumb; made only where they are seen. */
  #fillThumbs() {
    const sources = { 1: this.pictures[0], 2: this.pictures[1], c: this.context };
    for (const thumb of this.stage.querySelectorAll(".thumb")) {
      const source = sources[thumb.dataset.shows];
      thumb.hidden = !source;
      const box = thumb.querySelector(".thumb-pic");
      if (this.layout !== "flip" || !source) box.replaceChildren();
      else if (box.firstElementChild?.src !== source.src) {
        const small = new Image();
        small.alt = "";
        small.src = source.src;
        small.className = source.className;
        box.replaceChildren(small);
      }
    }
  }

  // --- flip: the other picture in place, a hard cut ---

  hold(on) {
    this.#held = on;
    this.#flip();
  }

  latch() {
    this.#latched = !this.#latched;
    this.#flip();
  }

  /** Phone: which picture ("1", "2", or "c" for the source picture) is large. */
  show(which) {
    if (this.stage.dataset.show === which) return;
    this.stage.dataset.show = which;
    this.#log.flips += 1;
    this.#paintFlip();
    this.onChange(this);
  }

  #flip() {
    if (!this.pictures) return;
    if (this.layout === "flip") {
      this.show(this.stage.dataset.show === "1" ? "2" : "1");
      return;
    }
    if (this.flipped) {
      this.#log.flips += 1;
      this.#flippedAt = performance.now();
    } else if (this.#flippedAt !== null) {
      this.#log.flip_ms += performance.now() - this.#flippedAt;
      this.#flippedAt = null;
    }
    this.#paintFlip();
    this.onChange(this);
  }

  #paintFlip() {
    // On a phone `show` has brought the other pane up: swapped as well, nothing would have changed.
    const order = this.flipped && this.layout !== "flip" ? [1, 0] : [0, 1];
    // The numbers go with their pictures: 1 and 2 always name the same picture of a pair.
    order.forEach((which, i) => {
      if (this.pictures) this.frames[i].replaceChildren(...this.#layers(which));
      this.numbers[i].textContent = String(which + 1);
    });
    for (const thumb of this.stage.querySelectorAll(".thumb")) {
      thumb.setAttribute("aria-pressed", String(thumb.dataset.shows === this.stage.dataset.show));
    }
  }

  // --- zoom and pan: one transform for both ---

  /** Z: pixel for pixel at the cursor (or three times, where fitted already is that), and back to fit. */
  toggleZoom() {
    if (!this.pictures) return;
    const toNative = 1 / ((this.shownScale ?? 1) * window.devicePixelRatio);
    this.#zoomAt(this.#at, this.zoomed ? 1 : toNative > 1.05 ? toNative : 3);
  }

  #zoomAt({ x, y }, wanted) {
    const scale = Math.min(LARGEST, Math.max(1, wanted));
    const grow = scale / this.#scale;
    this.#place(scale, x - (x - this.#x) * grow, y - (y - this.#y) * grow);
  }

  #place(scale, x, y) {
    const was = this.zoomed;
    const inside = (value) => Math.min(0, Math.max(1 - scale, value));
    [this.#scale, this.#x, this.#y] = [scale, inside(x), inside(y)];
    if (this.zoomed && !was) {
      this.#log.zooms += 1;
      this.#zoomedAt = performance.now();
    } else if (!this.zoomed && was && this.#zoomedAt !== null) {
      this.#log.zoom_ms += performance.now() - this.#zoomedAt;
      this.#zoomedAt = null;
    }
    this.stage.classList.toggle("is-zoomed", this.zoomed);
    for (const frame of this.frames) {
      const [dx, dy] = [this.#x * frame.clientWidth, this.#y * frame.clientHeight];
      for (const inner of frame.children) {
        // Smaller pictures sit in the middle of the frame; the transform starts at the frame's corner.
        const [left, top] = [inner.offsetLeft * (scale - 1), inner.offsetTop * (scale - 1)];
        inner.style.transform = this.zoomed ? `translate(${dx + left}px, ${dy + top}px) scale(${scale})` : "";
      }
    }
    this.onChange(this);
  }

  #attend(frame) {
    const share = (event) => {
      const box = frame.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    frame.addEventListener("wheel", (event) => {
      event.preventDefault();
      const lines = event.deltaMode === 1 ? 16 : 1;
      this.#zoomAt(share(event), this.#scale * Math.exp(-event.deltaY * lines * WHEEL_SPEED));
    }, { passive: false });
    frame.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      frame.setPointerCapture(event.pointerId);
      this.#pointers.set(event.pointerId, share(event));
    });
    frame.addEventListener("pointermove", (event) => {
      this.#at = share(event);
      const before = this.#pointers.get(event.pointerId);
      if (!before) return;
      const other = [...this.#pointers].find(([id]) => id !== event.pointerId)?.[1];
      this.#pointers.set(event.pointerId, this.#at);
      if (!other) {
        if (this.zoomed) this.#place(this.#scale, this.#x + this.#at.x - before.x, this.#y + this.#at.y - before.y);
        return;
      }
      const apart = (point) => Math.hypot(point.x - other.x, point.y - other.y) || 1e-3;
      const middle = { x: (this.#at.x + other.x) / 2, y: (this.#at.y + other.y) / 2 };
      this.#zoomAt(middle, this.#scale * (apart(this.#at) / apart(before)));
    });
    for (const kind of ["pointerup", "pointercancel"]) {
      frame.addEventListener(kind, (event) => this.#pointers.delete(event.pointerId));
    }
    frame.addEventListener("dblclick", (event) => {
      this.#at = share(event);
      this.toggleZoom();
    });
  }
}
