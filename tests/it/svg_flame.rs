//! Flame graphs as SVG: who calls stands below, who is called above, and how wide one is tells its share of the time.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::svg::{begin, escaped, text_at};

const WIDTH: f64 = 760.0;
const MARGIN: f64 = 16.0;
const TOP: f64 = 84.0;
const STEP: f64 = 17.0;
/// Narrower ones are not drawn.
const NARROWEST: f64 = 2.0;
/// Room that a letter takes.
const LETTER: f64 = 6.3;

/// A function in one place of the stacks.
#[derive(Default)]
pub struct Frame {
    pub samples: u64,
    /// Whom it calls, by `crate:function`.
    pub above: BTreeMap<String, Frame>,
}

impl Frame {
    fn depth(&self, all: u64) -> usize {
        let wide = self.above.values().filter(|frame| width(frame, all) >= NARROWEST);
        wide.map(|frame| 1 + frame.depth(all)).max().unwrap_or(0)
    }
}

fn width(frame: &Frame, all: u64) -> f64 {
    frame.samples as f64 / all as f64 * (WIDTH - 2.0 * MARGIN)
}

/// A colour by whose code it is.
fn colour(owner: &str) -> usize {
    match owner {
        "persona_registry" => 0,
        "sled" => 1,
        "tokio" => 2,
        "h2" | "hyper" | "http" | "http_body_util" => 3,
        _ => 4,
    }
}

/// The whole graph.
pub fn flame(title: &str, root: &Frame) -> String {
    let height = TOP + STEP * root.depth(root.samples) as f64 + MARGIN;
    let legend = "blue: ours; orange: sled; green: tokio; violet: HTTP/2; grey: kernel, memory and other";
    let mut out = begin(title, legend, height);
    draw(&mut out, root, root.samples, (MARGIN, height - MARGIN));
    out + "</svg>\n"
}

fn draw(out: &mut String, frame: &Frame, all: u64, (mut left, foot): (f64, f64)) {
    for (name, above) in &frame.above {
        let wide = width(above, all);
        if wide >= NARROWEST {
            let (owner, function) = name.split_once(':').unwrap_or(("", name));
            let (percent, colour) = (100.0 * above.samples as f64 / all as f64, colour(owner));
            let (top, room) = (foot - STEP, wide - 1.0);
            write!(
                out,
                "<g><title>{} ({owner}): {percent:.1} %</title><rect class='f{colour}' opacity='0.3' x='{left:.1}' y='{top:.1}' \
                 width='{room:.1}' height='{:.1}' rx='2'/>",
                escaped(function),
                STEP - 1.0
            )
            .unwrap();
            let letters = ((room - 6.0) / LETTER) as usize;
            if letters >= 4 {
                let text: String = function.chars().take(letters).collect();
                text_at(out, left + 3.0, foot - 5.0, "start", "small", &text);
            }
            out.push_str("</g>\n");
            draw(out, above, all, (left, top));
        }
        left += wide;
    }
}
