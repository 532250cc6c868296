//! serde's rules for renaming all fields.

/// A rule of `rename_all`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rule {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

impl Rule {
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name under which serde stores the field `field`.
    pub(crate) fn apply(self, field: &str) -> String {
        match self {
            Self::Lower | Self::Snake => field.to_owned(),
            Self::Upper | Self::ScreamingSnake => field.to_ascii_uppercase(),
            Self::Pascal => pascal(field),
            Self::Camel => {
                let pascal = pascal(field);
                let mut chars = pascal.chars();
                let first = chars.next().map(|c| c.to_ascii_lowercase());
                first.into_iter().chain(chars).collect()
            }
            Self::Kebab => field.replace('_', "-"),
            Self::ScreamingKebab => field.to_ascii_uppercase().replace('_', "-"),
        }
    }
}

fn pascal(field: &str) -> String {
    let mut name = String::new();
    let mut capital = true;
    for c in field.chars() {
        match c {
            '_' => capital = true,
            c if capital => {
                name.push(c.to_ascii_uppercase());
                capital = false;
            }
            c => name.push(c),
        }
    }
    name
}

/// The name of a type, in lower case with underscores.
pub(crate) fn snake(name: &str) -> String {
    let mut snake = String::new();
    let mut before_lower = false;
    let mut chars = name.chars().peekable();
    while let Some(c) = chars.next() {
        let begins = c.is_uppercase()
            && !snake.is_empty()
            && (before_lower || chars.peek().is_some_and(|next| next.is_lowercase()));
        if begins && !snake.ends_with('_') {
            snake.push('_');
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
        snake.extend(c.to_lowercase());
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_renamed_as_serde_does() {
        let names = [
            ("lowercase", "first_name"),
            ("UPPERCASE", "FIRST_NAME"),
            ("PascalCase", "FirstName"),
            ("camelCase", "firstName"),
            ("snake_case", "first_name"),
            ("SCREAMING_SNAKE_CASE", "FIRST_NAME"),
            ("kebab-case", "first-name"),
            ("SCREAMING-KEBAB-CASE", "FIRST-NAME"),
        ];
        for (rule, expected) in names {
            assert_eq!(
                Rule::of(rule)
                    .map(|rule| rule.apply("first_name"))
                    .as_deref(),
                Some(expected)
            );
        }
        assert_eq!(Rule::of("Train-Case"), None);
    }

    #[test]
    fn a_type_gives_its_name_to_its_collection() {
        let names = [
            ("User", "user"),
            ("OrderLine", "order_line"),
            ("HTTPLog", "http_log"),
            ("V2User", "v2_user"),
            ("Straße", "straße"),
        ];
        for (name, expected) in names {
            assert_eq!(snake(name), expected);
        }
    }
}
