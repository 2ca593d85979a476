//! A page as users with a screen reader or low vision perceive it, according to the browser's
//! accessibility tree, the keyboard, and the computed colours.

use super::page::{Page, Scheme, text};
use serde_json::{Value, json};
use std::collections::HashMap;

/// A node of the accessibility tree.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) role: String,
    pub(crate) name: String,
    /// The level of a heading.
    level: Option<u64>,
    is_focusable: bool,
    is_focused: bool,
}

/// Returns the nodes that are announced, in document order.
#[track_caller]
pub(crate) fn tree(page: &Page) -> Vec<Node> {
    let tree = page.call("Accessibility.getFullAXTree", &json!({}));
    let nodes = tree["nodes"].as_array().expect("nodes");
    // They arrive level by level, starting with the root.
    let by_id: HashMap<_, _> = nodes.iter().map(|it| (text(&it["nodeId"]), it)).collect();
    let mut ordered = Vec::new();
    let mut waiting = vec![text(&nodes[0]["nodeId"])];
    while let Some(node) = waiting.pop().and_then(|id| by_id.get(&id)) {
        let children = node["childIds"].as_array().expect("children");
        waiting.extend(children.iter().rev().map(text));
        if node["ignored"] == false {
            ordered.push(Node::of(node));
        }
    }
    ordered
}

/// Requires a page to be good in light and dark mode, on a desktop and on a phone.
#[track_caller]
pub(crate) fn assert_good_for_everybody(page: &Page) {
    for width in [1280, 360] {
        page.size(width, 800);
        assert_eq!(overflow(page, width), None);
        let backgrounds = [Scheme::Light, Scheme::Dark].map(|scheme| {
            page.prefer(scheme);
            let faults = faults(page);
            assert!(faults.is_empty(), "{scheme:?}, {width}: {faults:#?}");
            page.text("getComputedStyle(document.body).backgroundColor")
        });
        assert_ne!(backgrounds[0], backgrounds[1], "there is no night");
    }
}

/// Returns the requirements of WCAG 2.2 that this page violates, as far as a program can check
/// them.
#[track_caller]
pub(crate) fn faults(page: &Page) -> Vec<String> {
    let nodes = tree(page);
    let mut faults = Vec::new();
    // 4.1.2 Name, Role, Value; 1.1.1 Non-text Content; 2.4.4 Link Purpose.
    for Node { role, name, .. } in nodes.iter().filter(|node| node.must_speak()) {
        if name.trim().is_empty() {
            faults.push(format!("a {role} without a name"));
        }
    }
    // 2.4.2 Page Titled, 3.1.1 Language of Page.
    for what in ["document.title", "document.documentElement.lang"] {
        if page.text(what).is_empty() {
            faults.push(format!("no {what}"));
        }
    }
    // 1.3.1 Info and Relationships, 2.4.1 Bypass Blocks: one main element, and a heading above each
    // part of it.
    let mains = nodes.iter().filter(|node| node.role == "main").count();
    if mains != 1 {
        faults.push(format!("{mains} places for the content"));
    }
    let levels: Vec<_> = nodes.iter().filter_map(|node| node.level).collect();
    let firsts = levels.iter().filter(|level| **level == 1).count();
    let outer = [0].into_iter().chain(levels.iter().copied());
    let skips = outer.zip(&levels).any(|(outer, level)| *level > outer + 1);
    if firsts != 1 || skips {
        faults.push(format!("headings of levels {levels:?}"));
    }
    // 1.4.3 Contrast: 4.5 to 1, or 3 to 1 for large text.
    let too_pale = page.evaluate(CONTRAST);
    faults.extend(too_pale.as_array().expect("a list").iter().map(text));
    faults
}

/// Returns the tab stops, as `role: name`, from the top of the page to the end. Each must show
/// visibly that it has the focus (WCAG 2.2, 2.4.7).
#[track_caller]
pub(crate) fn tab_stops(page: &Page) -> Vec<String> {
    let mut stops = Vec::new();
    page.evaluate("document.activeElement?.blur(); getSelection().removeAllRanges()");
    loop {
        page.press("Tab");
        let is_over = page.evaluate("document.activeElement === document.body");
        if is_over == true {
            return stops;
        }
        let nodes = tree(page);
        let is_it = |node: &&Node| node.is_focused && node.role != "RootWebArea";
        let focused = nodes.iter().find(is_it);
        let focused = focused.unwrap_or_else(|| panic!("nothing has the focus after {stops:?}"));
        let stop = format!("{}: {}", focused.role, focused.name);
        let is_seen = page.evaluate(
            "(() => { const { outlineStyle, outlineWidth, boxShadow } = \
             getComputedStyle(document.activeElement); \
             return (outlineStyle !== 'none' && parseFloat(outlineWidth) > 0) || \
             boxShadow !== 'none' })()",
        );
        assert_eq!(is_seen, true, "{stop} is not seen to have the focus");
        stops.push(stop);
        assert!(stops.len() < STOPS_MAX, "the focus goes round: {stops:?}");
    }
}

/// Returns the elements that make a page of this width scroll sideways (WCAG 2.2, 1.4.10).
#[track_caller]
pub(crate) fn overflow(page: &Page, width: u32) -> Option<String> {
    let beyond = page.evaluate(
        "(() => { const { scrollWidth, clientWidth } = document.documentElement; \
         return [innerWidth, scrollWidth - clientWidth] })()",
    );
    let wide = page.evaluate(&format!(
        "[...document.querySelectorAll('body *')]\
         .filter((it) => it.getBoundingClientRect().right > {width}).map((it) => it.outerHTML)"
    ));
    (beyond != json!([width, 0])).then(|| format!("{beyond} in {width}: {wide}"))
}

impl Node {
    /// Returns `true` if a screen reader user cannot use the node without a name.
    fn must_speak(&self) -> bool {
        self.is_focusable || ["image", "img"].contains(&self.role.as_str())
    }

    fn of(node: &Value) -> Self {
        let property = |name: &str| {
            let properties = node["properties"].as_array()?;
            let found = properties.iter().find(|it| it["name"] == name)?;
            Some(found["value"]["value"].clone())
        };
        let of = |what: &str| node[what]["value"].as_str().unwrap_or_default().to_owned();
        let role = text(&node["role"]["value"]);
        Self {
            level: property("level")
                .and_then(|level| level.as_u64())
                .filter(|_| role == "heading"),
            is_focusable: property("focusable") == Some(json!(true)) && role != "RootWebArea",
            is_focused: property("focused") == Some(json!(true)),
            name: of("name"),
            role,
        }
    }
}

/// More stops than any page here has, because the focus wraps around.
const STOPS_MAX: usize = 100;

/// Returns every text whose contrast is too low. A canvas converts colours in any notation.
/// Transparent colours are blended with those behind them, down to the canvas of the page.
const CONTRAST: &str = r#"
(() => {
  const context = Object.assign(document.createElement("canvas"), { width: 1, height: 1 })
    .getContext("2d", { willReadFrequently: true });
  const parse = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    const [red, green, blue, alpha] = context.getImageData(0, 0, 1, 1).data;
    return [red, green, blue, alpha / 255];
  };
  const over = ([r, g, b, alpha], below) =>
    [[r, below[0]], [g, below[1]], [b, below[2]]].map(([top, low]) => top * alpha + low * (1 - alpha)).concat(1);
  const probe = document.createElement("span");
  probe.style.color = "Canvas";
  document.body.append(probe);
  const canvas = parse(getComputedStyle(probe).color);
  probe.remove();
  const background = (element) =>
    element === null ? canvas : over(parse(getComputedStyle(element).backgroundColor), background(element.parentElement));
  const luminance = (colour) => {
    const [r, g, b] = colour.map((part) => part / 255).map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const pale = [];
  let texts = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const words = walker.currentNode.data.trim();
    const style = getComputedStyle(element);
    const isSeen = element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
    if (words === "" || !isSeen || ["SCRIPT", "STYLE"].includes(element.tagName)) continue;
    texts += 1;
    const behind = background(element);
    const [light, dark] = [luminance(over(parse(style.color), behind)), luminance(behind)].sort((a, b) => b - a);
    const ratio = (light + 0.05) / (dark + 0.05);
    const size = parseFloat(style.fontSize);
    const isLarge = size >= 24 || (size >= 18.66 && Number(style.fontWeight) >= 700);
    if (ratio < (isLarge ? 3 : 4.5)) pale.push(`${ratio.toFixed(2)} to 1: ${words.slice(0, 60)}`);
  }
  return texts === 0 ? ["no text at all"] : pale;
})()
"#;
