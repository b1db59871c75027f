//! Writing SVG of the version 1.1 that browsers, LaTeX tool chains and office programs read.

use std::fmt::Write;

use super::image::base64;

/// An SVG being written.
pub struct Svg(String);

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Mark {
    Dot,
    Triangle,
    Cross,
    Plus,
    Ring,
    OpenTriangle,
    Square,
}

impl Svg {
    pub fn new(width: f64, height: f64) -> Self {
        let mut text = String::new();
        let _ = write!(
            text,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" xmlns:xlink=\"http://www.w3.org/1999/xlink\" version=\"1.1\" \
             width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             font-family=\"Helvetica, Arial, sans-serif\" font-size=\"11\" fill=\"#222\">\n\
             <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n"
        );
        Self(text)
    }

    pub fn text(&mut self, x: f64, y: f64, anchor: &str, more: &str, words: &str) {
        let space = if more.is_empty() { "" } else { " " };
        let words = escape(words);
        let _ =
            writeln!(self.0, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{space}{more}>{words}</text>");
    }

    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(self.0, "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"#222\" stroke-width=\"0.8\"/>");
    }

    /// A line through points, broken where there is none; a point on its own is a dot.
    pub fn curve(&mut self, points: &[Option<(f64, f64)>], colour: &str) {
        for run in points.split(Option::is_none).filter(|run| !run.is_empty()) {
            let points: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
            if let [(x, y)] = points[..] {
                let _ = writeln!(self.0, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>");
                continue;
            }
            let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            let path = path.join("L");
            let _ = writeln!(self.0, "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\"/>");
        }
    }

    /// A point of a shape; an opacity below 1 lets others shine through.
    pub fn mark(&mut self, (x, y): (f64, f64), mark: Mark, colour: &str, opacity: f64) {
        let triangle = format!("d=\"M{:.1} {:.1}l3 5.4h-6z\"", x, y - 3.4);
        let (shape, filled) = match mark {
            Mark::Dot => (format!("circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\""), true),
            Mark::Ring => (format!("circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\""), false),
            Mark::Triangle => (format!("path {triangle}"), true),
            Mark::OpenTriangle => (format!("path {triangle}"), false),
            Mark::Cross => (format!("path d=\"M{:.1} {:.1}l6 6m0 -6l-6 6\"", x - 3.0, y - 3.0), false),
            Mark::Plus => (format!("path d=\"M{:.1} {y:.1}h8m-4 -4v8\"", x - 4.0), false),
            Mark::Square => (format!("path d=\"M{:.1} {:.1}h8v8h-8z\"", x - 4.0, y - 4.0), true),
        };
        let paint = match filled {
            true => format!("fill=\"{colour}\""),
            false => format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\""),
        };
        let opacity = if opacity < 1.0 { format!(" opacity=\"{opacity}\"") } else { String::new() };
        let _ = writeln!(self.0, "<{shape} {paint}{opacity}/>");
    }

    pub fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let _ = writeln!(
            self.0,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" fill=\"{fill}\" stroke=\"#222\" \
             stroke-width=\"0.8\"/>"
        );
    }

    /// An image stretched to a rectangle with sharp pixels, and a frame around it.
    pub fn image(&mut self, x: f64, y: f64, width: f64, height: f64, png: &[u8]) {
        // SVG 2 calls the link `href`; programs that know SVG 1.1 alone show nothing then, and all know this one.
        let link = format!("data:image/png;base64,{}", base64(png));
        let _ = writeln!(
            self.0,
            "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" preserveAspectRatio=\"none\" \
             style=\"image-rendering:pixelated\" xlink:href=\"{link}\"/>"
        );
        self.frame(x, y, width, height, "none");
    }

    pub fn finish(mut self) -> String {
        self.0.push_str("</svg>\n");
        self.0
    }
}

/// Words as text of XML. Characters that XML has no form for become spaces.
fn escape(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    for c in words.chars() {
        match c {
            '&' => text.push_str("&amp;"),
            '<' => text.push_str("&lt;"),
            '>' => text.push_str("&gt;"),
            c if c.is_control() => text.push(' '),
            c => text.push(c),
        }
    }
    text
}

/// The texts of an XML document in which every element is closed by its own name. Panics if it is none.
#[cfg(test)]
pub fn texts(svg: &str) -> Vec<String> {
    let (mut open, mut texts) = (Vec::new(), Vec::new());
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let (text, tail) = rest.split_at(start);
        assert!(!text.contains('>') && (open.last() == Some(&"text") || text.trim().is_empty()), "{text}");
        if open.last() == Some(&"text") {
            texts.push(text.to_owned());
        }
        let (tag, tail) = tail[1..].split_once('>').expect("a tag ends");
        assert!(!tag.contains('<') && tag.matches('"').count() % 2 == 0, "{tag}");
        let name = tag.split([' ', '/']).find(|name| !name.is_empty()).expect("a tag has a name");
        match (tag.starts_with('/'), tag.ends_with('/')) {
            (true, _) => assert_eq!(open.pop(), Some(name)),
            (false, false) => open.push(name),
            (false, true) => {}
        }
        rest = tail;
    }
    assert!(open.is_empty() && rest.trim().is_empty(), "{open:?} {rest}");
    texts
}
