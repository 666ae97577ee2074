//! Text for spreadsheets, which run what looks like a formula.

/// The text, with a `'` in front where a spreadsheet would take it for a formula (OWASP, "CSV injection").
pub fn harmless(text: String) -> String {
    match text.chars().next() {
        Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n') => format!("'{text}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_is_text_and_nothing_else_changes() {
        for text in ["=cmd()", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1"] {
            assert_eq!(harmless(text.into()), format!("'{text}"));
        }
        for text in ["", "lobby", "a=b", "0.5", "1e-7", " =x"] {
            assert_eq!(harmless(text.into()), text);
        }
    }
}
