//! Charts as SVG: lines over logarithmic axes, and ranges beside a scale. Readable on a light and on a dark page.

use std::fmt::Write as _;

/// Width of a chart, and the margins within which it is drawn.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 74.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 74.0;
const BOTTOM: f64 = 52.0;

/// Plain rules for light pages, and those that take their place on dark ones: not every viewer knows variables.
const STYLE: &str = "<style>
text{font:13px system-ui,-apple-system,'Segoe UI',Helvetica,Arial,sans-serif}.title{font-size:17px;font-weight:600}.small{font-size:10.5px}
.name{font-weight:600}.goal{stroke-dasharray:6 4;stroke-width:1.5}.tick{stroke-dasharray:none;stroke-width:2.5}
.card{fill:#fff;stroke:#d8dee6}text{fill:#5c6975}.title{fill:#1b2430}.grid{stroke:#e8edf2}.goal{stroke:#8a5a00}
.l0{stroke:#2463c4}.f0{fill:#2463c4}.l1{stroke:#c2410c}.f1{fill:#c2410c}.l2{stroke:#0f8a5f}.f2{fill:#0f8a5f}.l3{stroke:#8b3fc7}.f3{fill:#8b3fc7}.l4{stroke:#5c6975}.f4{fill:#5c6975}
@media(prefers-color-scheme:dark){
.card{fill:#151b23;stroke:#303a46}text{fill:#9aa7b4}.title{fill:#e6edf3}.grid{stroke:#26303b}.goal{stroke:#e3b341}
.l0{stroke:#6ea8fe}.f0{fill:#6ea8fe}.l1{stroke:#ff9a62}.f1{fill:#ff9a62}.l2{stroke:#4fd1a1}.f2{fill:#4fd1a1}.l3{stroke:#cf9bff}.f3{fill:#cf9bff}.l4{stroke:#9aa7b4}.f4{fill:#9aa7b4}
}
</style>";

/// An axis from one value to another, with the values that are written at it.
pub struct Axis {
    pub from: f64,
    pub to: f64,
    pub logarithmic: bool,
    pub marks: Vec<(f64, String)>,
}

impl Axis {
    /// How far along the axis a value is, from 0 to 1.
    fn share(&self, value: f64) -> f64 {
        let at = |value: f64| if self.logarithmic { value.max(1e-9).log10() } else { value };
        ((at(value) - at(self.from)) / (at(self.to) - at(self.from))).clamp(0.0, 1.0)
    }
}

/// Some points of one thing: where along, and least, median and most.
pub struct Series {
    pub name: String,
    pub colour: usize,
    pub points: Vec<(f64, [f64; 3])>,
}

/// One row of ranges: what it is, least, median and most, and the goal.
pub struct Range {
    pub name: String,
    pub values: [f64; 3],
    pub goal: Option<f64>,
    pub met: String,
}

/// Lines over two axes, each named at its end; and the goals, as dashed lines.
pub fn lines(title: &str, words: [&str; 2], x: &Axis, y: &Axis, all: &[Series], goals: &[f64]) -> String {
    let height = 400.0;
    let across = |value| LEFT + x.share(value) * (WIDTH - LEFT - RIGHT);
    let down = |value| height - BOTTOM - y.share(value) * (height - TOP - BOTTOM);
    let mut out = begin(title, words[1], height);
    for (value, text) in &y.marks {
        let (at, end) = (down(*value), WIDTH - RIGHT);
        put(&mut out, &format!("<line class='grid' x1='{LEFT}' x2='{end}' y1='{at:.1}' y2='{at:.1}'/>"));
        text_at(&mut out, LEFT - 10.0, at + 4.5, "end", "", text);
    }
    for (value, text) in &x.marks {
        text_at(&mut out, across(*value), height - BOTTOM + 22.0, "middle", "", text);
    }
    text_at(&mut out, (LEFT + WIDTH - RIGHT) / 2.0, height - 10.0, "middle", "", words[0]);
    for value in goals {
        let (at, end) = (down(*value), WIDTH - RIGHT);
        put(&mut out, &format!("<line class='goal' x1='{LEFT}' x2='{end}' y1='{at:.1}' y2='{at:.1}'/>"));
    }
    let mut ends = Vec::new();
    for series in all {
        let colour = series.colour;
        let place =
            |(at, [_, median, _]): &(f64, [f64; 3])| format!("{:.1},{:.1}", across(*at), down(*median));
        let path: Vec<_> = series.points.iter().map(place).collect();
        let path = path.join(" ");
        put(&mut out, &format!("<polyline fill='none' class='l{colour}' stroke-width='2' points='{path}'/>"));
        for (at, [least, median, most]) in &series.points {
            let (at, least, median, most) = (across(*at), down(*least), down(*median), down(*most));
            put(
                &mut out,
                &format!(
                    "<line class='l{colour}' x1='{at:.1}' x2='{at:.1}' y1='{least:.1}' y2='{most:.1}'/>"
                ),
            );
            put(&mut out, &format!("<circle class='f{colour}' cx='{at:.1}' cy='{median:.1}' r='4'/>"));
        }
        if let Some((at, [_, median, _])) = series.points.last() {
            ends.push((down(*median), across(*at), colour, &series.name));
        }
    }
    // Names that would lie over each other are moved apart.
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut last = f64::NEG_INFINITY;
    for (at, end, colour, name) in ends {
        last = at.max(last + 17.0);
        let style = format!("name f{colour}");
        text_at(&mut out, end + 12.0, last + 4.5, "start", &style, name);
    }
    out + "</svg>\n"
}

/// Rows of ranges over one axis, with a tick where the goal of each is.
pub fn ranges(title: &str, words: [&str; 2], x: &Axis, rows: &[Range]) -> String {
    let (left, right, step) = (230.0, 120.0, 34.0);
    let height = TOP + step * rows.len() as f64 + BOTTOM;
    let across = |value| left + x.share(value) * (WIDTH - left - right);
    let mut out = begin(title, words[1], height);
    let foot = height - BOTTOM;
    for (value, text) in &x.marks {
        let at = across(*value);
        put(&mut out, &format!("<line class='grid' x1='{at:.1}' x2='{at:.1}' y1='{TOP}' y2='{foot}'/>"));
        text_at(&mut out, at, foot + 20.0, "middle", "", text);
    }
    text_at(&mut out, (left + WIDTH - right) / 2.0, height - 10.0, "middle", "", words[0]);
    for (number, row) in rows.iter().enumerate() {
        let at = TOP + step * (number as f64 + 0.5);
        text_at(&mut out, left - 14.0, at + 4.5, "end", "", &row.name);
        let [least, median, most] = row.values.map(across);
        put(
            &mut out,
            &format!(
                "<line class='l0' stroke-width='6' stroke-linecap='round' opacity='.4' x1='{least:.1}' x2='{most:.1}' y1='{at}' y2='{at}'/>"
            ),
        );
        put(&mut out, &format!("<circle class='f0' cx='{median:.1}' cy='{at}' r='5.5'/>"));
        if let Some(goal) = row.goal {
            let (goal, top, foot) = (across(goal), at - 12.0, at + 12.0);
            put(
                &mut out,
                &format!("<line class='goal tick' x1='{goal:.1}' x2='{goal:.1}' y1='{top}' y2='{foot}'/>"),
            );
        }
        text_at(&mut out, WIDTH - right + 14.0, at + 4.5, "start", "", &row.met);
    }
    out + "</svg>\n"
}

/// The card, its title and the words below.
pub fn begin(title: &str, below: &str, height: f64) -> String {
    let mut out = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height}' role='img' aria-label='{}'>\n{STYLE}\n",
        escaped(title)
    );
    let (width, inner) = (WIDTH - 1.0, height - 1.0);
    put(&mut out, &format!("<rect x='.5' y='.5' width='{width}' height='{inner}' rx='10' class='card'/>"));
    text_at(&mut out, 22.0, 32.0, "start", "title", title);
    text_at(&mut out, 22.0, 53.0, "start", "", below);
    out
}

/// A text, whatever is in it.
pub fn text_at(out: &mut String, x: f64, y: f64, anchor: &str, class: &str, text: &str) {
    let text = escaped(text);
    put(out, &format!("<text class='{class}' x='{x:.1}' y='{y:.1}' text-anchor='{anchor}'>{text}</text>"));
}

fn put(out: &mut String, line: &str) {
    writeln!(out, "{line}").unwrap();
}

pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('\'', "&#39;")
}
