//! The name of a message's variant.

/// `do_it_2` as `DoIt2`: the name of a method's variant.
pub(crate) fn camel_case(name: &str) -> String {
    let mut camel = String::with_capacity(name.len() + 1);
    for part in name.split('_') {
        let mut chars = part.chars();
        if let Some(first) = chars.next() {
            camel.extend(first.to_uppercase());
            camel.push_str(chars.as_str());
        }
    }
    match camel.chars().next() {
        None => "Method".to_owned(),
        Some(first) if first.is_numeric() => format!("Method{camel}"),
        // The one camel-cased word that is no identifier.
        Some(_) if camel == "Self" => "Self_".to_owned(),
        Some(_) => camel,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn camel_case_of_methods() {
        for (name, camel) in [
            ("compute", "Compute"),
            ("compute_all", "ComputeAll"),
            ("a1", "A1"),
            ("a_1", "A1"),
            ("_hidden", "Hidden"),
            ("self_", "Self_"),
            ("_1", "Method1"),
            ("__", "Method"),
            ("getURL", "GetURL"),
            ("ßen", "SSen"),
        ] {
            assert_eq!(camel_case(name), camel);
        }
    }
}
