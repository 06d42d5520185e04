//! Names: how they are compared, and which known one a misspelt one is near.

/// Case and the difference between `-` and `_` do not matter.
pub fn normal(name: &str) -> String {
    name.trim().to_lowercase().replace('-', "_")
}

/// The known name that `word` was most likely meant to be, if any is near.
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = normal(word);
    known
        .into_iter()
        .map(|name| (distance(&word, name), name))
        .filter(|(distance, name)| *distance <= (name.len() / 3).max(2) && *distance < name.len())
        .min()
        .map(|(_, name)| name)
}

/// How many letters must be put in, left out, or replaced to make one word of the other.
pub fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(&b) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *cell;
            left = replaced.min(left + 1).min(diagonal + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_and_far_ones_are_not() {
        let known = ["mode", "max_workers", "max_queued_tasks", "timeout", "name"];
        assert_eq!(nearest("max_worker", known), Some("max_workers"));
        assert_eq!(nearest("max-workers", known), Some("max_workers"));
        assert_eq!(nearest("tiemout", known), Some("timeout"));
        assert_eq!(nearest("Mode", known), Some("mode"));
        assert_eq!(nearest("priority", known), None);
        assert_eq!(nearest("", known), None);
    }

    #[test]
    fn distances() {
        for (a, b, expected) in [("", "", 0), ("abc", "", 3), ("", "abc", 3), ("kitten", "sitting", 3), ("ab", "ba", 2)]
        {
            assert_eq!(distance(a, b), expected, "{a} {b}");
        }
    }
}
