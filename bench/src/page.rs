//! Parts of docs/performance.md that a binary writes anew: each between two markers of its own.

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/performance.md");
/// What stands above new parts gives way to them: it is the smaller matter.
const LAST: &str = "## The storage layer";

/// Puts `text` between the markers of `name`; a part that is not there yet comes behind all others that are written so.
///
/// # Panics
/// If the page cannot be written.
pub fn write(name: &str, text: &str) {
    let page = std::fs::read_to_string(PAGE).unwrap_or_default();
    std::fs::write(PAGE, with(&page, name, text)).expect("docs/performance.md can be written");
}

fn with(page: &str, name: &str, text: &str) -> String {
    let begin = format!("<!-- {name}: begin -->");
    let end = format!("<!-- {name}: end -->");
    let block = format!("{begin}\n{}\n{end}\n", text.trim_end());
    match (page.find(&begin), page.find(&end)) {
        (Some(from), Some(to)) => {
            let rest = page[to + end.len()..].trim_start_matches('\n');
            format!("{}{block}\n{rest}", &page[..from])
        }
        _ => match page.find(LAST) {
            Some(at) => format!("{}{block}\n{}", &page[..at], &page[at..]),
            None => format!("{page}\n{block}"),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_written_anew_in_its_place_and_the_rest_stays() {
        let page = "# Page\n\n<!-- a: begin -->\nold\n<!-- a: end -->\n\n## The storage layer\n\nfigures\n";
        let once = with(page, "a", "new");
        assert_eq!(once, page.replace("old", "new"));
        let twice = with(&once, "b", "text\n");
        let parts =
            "<!-- a: end -->\n\n<!-- b: begin -->\ntext\n<!-- b: end -->\n\n## The storage layer";
        assert!(twice.contains(parts), "{twice}");
        assert_eq!(with(&twice, "b", "text"), twice);
    }
}
