//! Inline SVG: the few shapes that the plots are made of. Every plot has a title and a description that a screen
//! reader reads, every mark a tooltip; colours are classes of the style sheet.

use std::fmt::{Display, Write};

use crate::report::text::Text;

/// A drawing in the making; coordinates in pixels from the top left.
pub(super) struct Plot {
    width: f64,
    height: f64,
    title: String,
    description: String,
    body: String,
}

/// Where a text stands relative to its point.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Plot {
    pub(super) fn new((width, height): (f64, f64), title: &str, description: &str) -> Self {
        Self {
            width,
            height,
            title: title.into(),
            description: description.into(),
            body: String::new(),
        }
    }

    fn add(&mut self, shape: impl Display) {
        // Writing to a string cannot fail.
        let _infallible = writeln!(self.body, "{shape}");
    }

    pub(super) fn rect(&mut self, (x, y, w, h): (f64, f64, f64, f64), class: &str, tip: &str) {
        self.shaded((x, y, w, h), (class, 1.0), tip);
    }

    /// A rectangle that shows a share by how opaque it is.
    pub(super) fn shaded(
        &mut self,
        (x, y, w, h): (f64, f64, f64, f64),
        (class, opacity): (&str, f64),
        tip: &str,
    ) {
        let tip = Text(tip);
        self.add(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{w:.1}" height="{h:.1}" class="{class}" fill-opacity="{opacity:.3}"><title>{tip}</title></rect>"#
        ));
    }

    pub(super) fn line(&mut self, (x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) {
        self.add(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        ));
    }

    pub(super) fn dot(&mut self, (x, y): (f64, f64), class: &str, tip: &str) {
        let tip = Text(tip);
        self.add(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="4" class="{class}"><title>{tip}</title></circle>"#
        ));
    }

    pub(super) fn path(&mut self, points: &[(f64, f64)], class: &str) {
        let points: Vec<String> = points
            .iter()
            .map(|(x, y)| format!("{x:.1},{y:.1}"))
            .collect();
        self.add(format_args!(
            r#"<polyline points="{}" class="{class}"/>"#,
            points.join(" ")
        ));
    }

    pub(super) fn text(&mut self, (x, y): (f64, f64), (anchor, class): (Anchor, &str), text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = Text(text);
        self.add(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#
        ));
    }

    /// The element, in a figure with the title as its caption.
    pub(super) fn finish(self) -> String {
        let (title, description) = (Text(&self.title), Text(&self.description));
        format!(
            r#"<figure><figcaption>{title}</figcaption>
<svg viewBox="0 0 {w:.0} {h:.0}" width="{w:.0}" height="{h:.0}" role="img" aria-label="{title}. {description}">
<title>{title}</title><desc>{description}</desc>
{body}</svg></figure>
"#,
            w = self.width,
            h = self.height,
            body = self.body,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_cannot_break_out_of_the_page() {
        let mut plot = Plot::new((10.0, 10.0), "<b>", "\"d\"");
        plot.text((1.0, 2.0), (Anchor::Middle, "label"), "<script>");
        let svg = plot.finish();
        assert!(!svg.contains("<script>") && !svg.contains("<b>"), "{svg}");
        assert!(svg.contains("&lt;script&gt;") && svg.contains("&quot;d&quot;"));
    }
}
