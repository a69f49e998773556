//! Drawing lines as SVG, readable on a light and on a dark page.
//!
//! The picture brings its own two sets of colours and takes the one that the reader's system
//! asks for. Lines are told apart by dashes and marks, too, and each is named at its end.

use std::fmt::Write as _;

/// A picture whose places run from 0 to 1, up and to the right.
pub(super) struct Picture<'a> {
    pub(super) title: &'a str,
    pub(super) across: &'a str,
    pub(super) up: &'a str,
    pub(super) marks: Vec<(f64, String)>,
    pub(super) levels: Vec<(f64, String)>,
    pub(super) lines: Vec<Line<'a>>,
}

pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    pub(super) points: Vec<(f64, f64)>,
}

/// The size of the picture, and what of it is the field that lines are drawn in.
const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 400.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 540.0;
const TOP: f64 = 56.0;
const BOTTOM: f64 = 340.0;

/// How far apart the names are at least.
const NAME: f64 = 17.0;

/// Colours of lines on a light page and on a dark one, and their dashes.
const LOOKS: [(&str, &str, &str); 6] = [
    ("#0b62c4", "#6cb0ff", ""),
    ("#b3450a", "#ff9a5c", "7 3"),
    ("#1a7f45", "#5fd38d", "2 3"),
    ("#8a2fb0", "#d29bf0", "9 3 2 3"),
    ("#9a6b00", "#e8c158", "4 4"),
    ("#555b63", "#b6bcc4", "1 3"),
];

pub(super) fn draw(picture: &Picture) -> String {
    let mut svg = String::new();
    // Writing to a string does not fail.
    let _ = write_all(&mut svg, picture);
    svg
}

fn write_all(svg: &mut String, picture: &Picture) -> std::fmt::Result {
    let title = escaped(picture.title);
    writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         width=\"{WIDTH}\" height=\"{HEIGHT}\" role=\"img\" aria-label=\"{title}\">"
    )?;
    style(svg)?;
    writeln!(
        svg,
        "<rect class=\"page\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>\n\
         <text class=\"title\" x=\"{LEFT}\" y=\"24\">{title}</text>\n\
         <text x=\"{LEFT}\" y=\"44\">{}</text>",
        escaped(picture.up)
    )?;
    for (at, text) in &picture.levels {
        let y = down(*at);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text class=\"end\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            escaped(text)
        )?;
    }
    for (at, text) in &picture.marks {
        let x = right(*at);
        writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{BOTTOM}\"/>\
             <text class=\"middle\" x=\"{x:.1}\" y=\"{:.1}\">{}</text>",
            BOTTOM + 20.0,
            escaped(text)
        )?;
    }
    writeln!(
        svg,
        "<text class=\"middle\" x=\"{:.1}\" y=\"{:.1}\">{}</text>",
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 44.0,
        escaped(picture.across)
    )?;
    lines(svg, picture)?;
    writeln!(svg, "</svg>")
}

fn style(svg: &mut String) -> std::fmt::Result {
    let mut light = String::new();
    let mut dark = String::new();
    for (number, (on_light, on_dark, _)) in LOOKS.iter().enumerate() {
        write!(light, ".l{number}{{--c:{on_light}}}")?;
        write!(dark, ".l{number}{{--c:{on_dark}}}")?;
    }
    writeln!(
        svg,
        "<style>\
         text{{font:13px system-ui,sans-serif;fill:#24292f}}\
         .title{{font-size:16px;font-weight:600}}\
         .middle{{text-anchor:middle}}.end{{text-anchor:end}}\
         .page{{fill:#fff}}.grid{{stroke:#d0d7de}}\
         polyline{{fill:none;stroke:var(--c);stroke-width:2.5}}\
         circle{{fill:var(--c)}}.name{{fill:var(--c);font-weight:600}}\
         {light}\
         @media(prefers-color-scheme:dark){{\
         text{{fill:#e6edf3}}.page{{fill:#0d1117}}.grid{{stroke:#3d444d}}\
         .name{{fill:var(--c)}}{dark}}}\
         </style>"
    )
}

fn lines(svg: &mut String, picture: &Picture) -> std::fmt::Result {
    let ends = picture.lines.iter().map(|line| line.points.last());
    let ends: Vec<f64> = ends
        .map(|end| end.map_or(BOTTOM, |(_, y)| down(*y)))
        .collect();
    for ((number, line), y) in picture.lines.iter().enumerate().zip(apart(&ends)) {
        let look = number % LOOKS.len();
        let dashes = LOOKS[look].2;
        let mut points = String::new();
        let mut dots = String::new();
        for (across, up) in &line.points {
            let (x, y) = (right(*across), down(*up));
            write!(points, "{x:.1},{y:.1} ")?;
            write!(dots, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.5\"/>")?;
        }
        writeln!(
            svg,
            "<g class=\"l{look}\"><polyline points=\"{}\" stroke-dasharray=\"{dashes}\"/>{dots}\
             <text class=\"name\" x=\"{:.1}\" y=\"{:.1}\">{}</text></g>",
            points.trim_end(),
            RIGHT + 14.0,
            y + 4.0,
            escaped(line.name)
        )?;
    }
    Ok(())
}

/// Where names can stand beside `ends` without touching: as near as may be, in their order,
/// and not below the field.
fn apart(ends: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..ends.len()).collect();
    order.sort_by(|one, other| ends[*one].total_cmp(&ends[*other]));
    let mut places = ends.to_vec();
    let mut free = f64::NEG_INFINITY;
    for index in &order {
        places[*index] = places[*index].max(free);
        free = places[*index] + NAME;
    }
    let mut limit = BOTTOM;
    for index in order.iter().rev() {
        places[*index] = places[*index].min(limit);
        limit = places[*index] - NAME;
    }
    places
}

fn right(place: f64) -> f64 {
    LEFT + place * (RIGHT - LEFT)
}

fn down(place: f64) -> f64 {
    BOTTOM - place * (BOTTOM - TOP)
}

fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_would_touch_are_moved_apart_in_their_order() {
        let places = apart(&[100.0, 100.0, 90.0, 300.0]);
        assert_eq!(places, [107.0, 124.0, 90.0, 300.0]);
    }

    #[test]
    fn names_stay_within_the_field() {
        assert_eq!(apart(&[BOTTOM, BOTTOM]), [BOTTOM - NAME, BOTTOM]);
    }

    #[test]
    fn text_is_no_markup() {
        assert_eq!(escaped("a<b & \"c\""), "a&lt;b &amp; &quot;c&quot;");
    }
}
