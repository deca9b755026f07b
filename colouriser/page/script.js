// screen readers ignore the name of what has no role
new MutationObserver(() => document.querySelectorAll(".empty[aria-label]:not([role])")
  .forEach(e => e.setAttribute("role", "img"))).observe(document, {childList: true, subtree: true})
