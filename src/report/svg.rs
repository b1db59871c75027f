//! Writing SVG of version 1.1, which browsers, LaTeX tool chains and office programs read.
//!
//! A figure is either a separate file on white, or part of a page with the colours of the page.

use std::fmt::Write;

use super::image::base64;
use crate::shown::html;

/// The background of a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paper {
    /// White, in a separate file.
    White,
    /// A page of HTML, which sets the colours by class names and variables.
    Page,
}

impl Paper {
    /// Colours of lines that can be told apart.
    pub fn colours(self) -> [&'static str; 4] {
        match self {
            Paper::White => ["#1f4e9c", "#d1495b", "#2a7f62", "#8a5a00"],
            Paper::Page => ["var(--c0)", "var(--c1)", "var(--c2)", "var(--c3)"],
        }
    }

    fn ink(self) -> &'static str {
        match self {
            Paper::White => "#222",
            Paper::Page => "currentColor",
        }
    }
}

/// An SVG being written.
pub struct Svg {
    text: String,
    paper: Paper,
}

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
        Self { text, paper: Paper::White }
    }

    /// A figure of a page. `about` describes it for readers who cannot see it.
    pub fn page(width: f64, height: f64, about: &str) -> Self {
        let about = html(about);
        let text = format!(
            "<svg class=\"plot\" role=\"img\" width=\"{width:.0}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width:.0} {height:.0}\"><title>{about}</title>\n"
        );
        Self { text, paper: Paper::Page }
    }

    /// A figure on either kind of paper.
    pub fn on(paper: Paper, width: f64, height: f64, about: &str) -> Self {
        match paper {
            Paper::White => Self::new(width, height),
            Paper::Page => Self::page(width, height, about),
        }
    }

    pub fn text(&mut self, x: f64, y: f64, anchor: &str, more: &str, words: &str) {
        let space = if more.is_empty() { "" } else { " " };
        let words = match self.paper {
            Paper::White => escape(words),
            Paper::Page => html(words),
        };
        let _ = writeln!(
            self.text,
            "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\"{space}{more}>{words}</text>"
        );
    }

    /// A text that is cut after a number of characters; a tooltip shows all of it.
    pub fn name(
        &mut self,
        (x, y): (f64, f64),
        anchor: &str,
        class: &str,
        longest: usize,
        words: &str,
    ) {
        let shown = crate::shown::shown(words);
        let (short, about) = match shown.chars().nth(longest) {
            None => (html(words), String::new()),
            Some(_) => {
                let short: String = shown.chars().take(longest.saturating_sub(1)).collect();
                (html(&format!("{}…", short.trim_end())), title(words))
            }
        };
        let _ = writeln!(
            self.text,
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{about}{short}</text>"
        );
    }

    /// Text along the left side of a plot.
    pub fn upright(&mut self, x: f64, middle: f64, words: &str) {
        self.text(
            x,
            middle,
            "middle",
            &format!("transform=\"rotate(-90 {x:.1} {middle:.1})\""),
            words,
        );
    }

    pub fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let ink = self.paper.ink();
        let _ = writeln!(
            self.text,
            "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke=\"{ink}\" stroke-width=\"0.8\"/>"
        );
    }

    /// A straight line with a class.
    pub fn rule(&mut self, class: &str, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
        let _ = writeln!(
            self.text,
            "<path class=\"{class}\" fill=\"none\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>"
        );
    }

    /// A line through points with a class and the tooltip `about`. A single point becomes a dot.
    pub fn path(&mut self, class: &str, points: &[(f64, f64)], about: &str) {
        match points {
            [] => {}
            [point] => self.dot(class, *point, 2.5, about),
            points => {
                let (path, about) = (joined(points), title(about));
                let _ = match about.as_str() {
                    "" => {
                        writeln!(self.text, "<path class=\"{class}\" fill=\"none\" d=\"M{path}\"/>")
                    }
                    about => {
                        writeln!(
                            self.text,
                            "<path class=\"{class}\" fill=\"none\" d=\"M{path}\">{about}</path>"
                        )
                    }
                };
            }
        }
    }

    /// A closed area with a class.
    pub fn area(&mut self, class: &str, points: &[(f64, f64)], about: &str) {
        let (path, about) = (joined(points), title(about));
        let _ = writeln!(
            self.text,
            "<path class=\"{class}\" fill=\"none\" d=\"M{path}Z\">{about}</path>"
        );
    }

    pub fn dot(&mut self, class: &str, (x, y): (f64, f64), radius: f64, about: &str) {
        let about = title(about);
        let _ = writeln!(
            self.text,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\">{about}</circle>"
        );
    }

    pub fn bar(
        &mut self,
        class: &str,
        (x, y): (f64, f64),
        (width, height): (f64, f64),
        about: &str,
    ) {
        let about = title(about);
        let _ = writeln!(
            self.text,
            "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\">{about}</rect>"
        );
    }

    /// A line through points, interrupted at missing points. A single point becomes a dot.
    pub fn curve(&mut self, points: &[Option<(f64, f64)>], colour: &str) {
        for run in points.split(Option::is_none).filter(|run| !run.is_empty()) {
            let points: Vec<(f64, f64)> = run.iter().flatten().copied().collect();
            if let [(x, y)] = points[..] {
                let _ = writeln!(
                    self.text,
                    "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2\" fill=\"{colour}\"/>"
                );
                continue;
            }
            let path: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
            let path = path.join("L");
            let _ = writeln!(
                self.text,
                "<path d=\"M{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\"/>"
            );
        }
    }

    /// A point with a shape. With an opacity below 1, other points stay visible behind it.
    pub fn mark(&mut self, (x, y): (f64, f64), mark: Mark, colour: &str, opacity: f64) {
        let triangle = format!("d=\"M{:.1} {:.1}l3 5.4h-6z\"", x, y - 3.4);
        let (shape, filled) = match mark {
            Mark::Dot => (format!("circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\""), true),
            Mark::Ring => (format!("circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.6\""), false),
            Mark::Triangle => (format!("path {triangle}"), true),
            Mark::OpenTriangle => (format!("path {triangle}"), false),
            Mark::Cross => {
                (format!("path d=\"M{:.1} {:.1}l6 6m0 -6l-6 6\"", x - 3.0, y - 3.0), false)
            }
            Mark::Plus => (format!("path d=\"M{:.1} {y:.1}h8m-4 -4v8\"", x - 4.0), false),
            Mark::Square => (format!("path d=\"M{:.1} {:.1}h8v8h-8z\"", x - 4.0, y - 4.0), true),
        };
        let paint = match filled {
            true => format!("fill=\"{colour}\""),
            false => format!("fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.4\""),
        };
        let opacity = if opacity < 1.0 { format!(" opacity=\"{opacity}\"") } else { String::new() };
        let _ = writeln!(self.text, "<{shape} {paint}{opacity}/>");
    }

    pub fn frame(&mut self, x: f64, y: f64, width: f64, height: f64, fill: &str) {
        let ink = self.paper.ink();
        let _ = writeln!(
            self.text,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" fill=\"{fill}\" stroke=\"{ink}\" \
             stroke-width=\"0.8\"/>"
        );
    }

    /// An image stretched to a rectangle with sharp pixels and a frame.
    pub fn image(&mut self, x: f64, y: f64, width: f64, height: f64, png: &[u8]) {
        // SVG 2 calls the link `href`. Programs that know only SVG 1.1 would show nothing for it,
        // and all programs know this one. A page allows no styles except those of its style sheet.
        let (style, href) = match self.paper {
            Paper::White => ("style=\"image-rendering:pixelated\"", "xlink:href"),
            Paper::Page => ("class=\"px\"", "href"),
        };
        let link = format!("data:image/png;base64,{}", base64(png));
        let _ = writeln!(
            self.text,
            "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width}\" height=\"{height:.1}\" preserveAspectRatio=\"none\" \
             {style} {href}=\"{link}\"/>"
        );
        self.frame(x, y, width, height, "none");
    }

    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

fn joined(points: &[(f64, f64)]) -> String {
    points.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect::<Vec<_>>().join("L")
}

/// The tooltip of a shape.
fn title(words: &str) -> String {
    if words.is_empty() { String::new() } else { format!("<title>{}</title>", html(words)) }
}

/// Text escaped for XML. Characters that XML cannot hold become spaces.
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

/// The texts of an XML document whose elements are all closed correctly. Panics on any other.
#[cfg(test)]
pub fn texts(svg: &str) -> Vec<String> {
    let (mut open, mut texts) = (Vec::new(), Vec::new());
    let mut rest = svg;
    while let Some(start) = rest.find('<') {
        let (text, tail) = rest.split_at(start);
        assert!(
            !text.contains('>') && (open.last() == Some(&"text") || text.trim().is_empty()),
            "{text}"
        );
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
