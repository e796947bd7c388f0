/* The composer's file: the limits of the chosen line's provider, and a look at the file before it is uploaded. */
(() => {
  "use strict";
  const SHOWN = { picture: "image/", film: "video/", sound: "audio/" };

  function problemWith(file, limits) {
    const extension = file.name.includes(".") ? file.name.split(".").pop().toLowerCase() : "";
    if (!limits.dataset.kinds.split(" ").includes(extension)) return limits.dataset.wrongKind;
    if (!file.size) return limits.dataset.empty;
    return file.size > Number(limits.dataset.most) ? limits.dataset.tooLarge : "";
  }

  document.addEventListener("alpine:init", () => {
    Alpine.data("attachment", () => ({
      chosen: false, keeping: true, picture: false, film: false, sound: false, name: "", size: "", problem: "",
      input: null, address: "",
      init() {
        this.input = this.$root.querySelector("input[type=file]");
        this.take();
      },
      look(event) {
        if (event.target === this.input) this.take();
        else if (event.target.name === "line") this.judge();
      },
      /* Another line may take more, less or none; what it has no use for is not sent. */
      judge() {
        const line = this.input.form.querySelector("input[name=line]:checked"), file = this.input.files[0];
        let limits = null;
        for (const each of this.$root.querySelectorAll("[data-limits]")) {
          each.hidden = each.dataset.limits !== (line?.value ?? "");
          if (!each.hidden) limits = each;
        }
        this.input.disabled = Boolean(line && !limits);
        this.input.accept = limits ? limits.dataset.kinds.split(" ").map((kind) => `.${kind}`).join() : "";
        this.problem = file && limits ? problemWith(file, limits) : "";
        if (this.problem) {
          this.input.setAttribute("aria-invalid", "true");
          this.input.setAttribute("aria-describedby", "file-problem");
        } else if (file) this.input.removeAttribute("aria-invalid");
      },
      take() {
        const file = this.input.files[0];
        this.judge();
        this.chosen = Boolean(file);
        this.keeping = !this.chosen;
        this.name = file ? file.name : "";
        this.size = file ? window.chapar.sizeOf(file.size) : "";
        this.show(this.problem ? null : file);
      },
      show(file) {
        URL.revokeObjectURL(this.address);
        this.address = file ? URL.createObjectURL(file) : "";
        for (const [way, type] of Object.entries(SHOWN)) {
          this[way] = Boolean(file && file.type.startsWith(type));
          if (this[way]) this.$refs[way].src = this.address;
          else this.$refs[way].removeAttribute("src");
        }
      },
      clear() { this.input.value = ""; this.take(); this.input.focus(); },
      /* Half a gigabyte is not carried to the server for it to be refused there. */
      hold(event) {
        if (event.target !== this.input.form || !this.problem || this.input.disabled) return;
        event.preventDefault();
        event.stopPropagation();
        this.input.focus();
      },
    }));
  });
})();
