//! Text for HTML and SVG. What is printed through [`Text`] is safe between tags and in attributes.

use std::fmt::{Display, Formatter, Result, Write};

/// A text that is escaped wherever it is printed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'a>(pub &'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\'' => f.write_str("&#39;"),
            c => f.write_char(c),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Text;

    #[test]
    fn what_means_something_to_a_browser_is_written_as_text() {
        let text = Text("<b a=\"1\" c='2'>&ä").to_string();
        assert_eq!(text, "&lt;b a=&quot;1&quot; c=&#39;2&#39;&gt;&amp;ä");
    }
}
