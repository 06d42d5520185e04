//! [`Refilling`]: who orders the spares that are missing.
//!
//! One at a time does, since an order gives way to another that is being written. Whoever comes meanwhile has that one
//! look once more; were it to order by itself, each could leave the last spare to the other.

#[derive(Default)]
pub(super) struct Refilling {
    busy: bool,
    again: bool,
}

impl Refilling {
    /// Whether the caller is to do it, until [`again`](Self::again) says that it is done.
    pub(super) fn begin(&mut self) -> bool {
        self.again = self.busy;
        !std::mem::replace(&mut self.busy, true)
    }

    /// Whether somebody came since the caller began, or last asked.
    pub(super) fn again(&mut self) -> bool {
        self.busy = std::mem::take(&mut self.again);
        self.busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_comes_while_spares_are_ordered_has_them_counted_once_more() {
        let mut refilling = Refilling::default();
        assert!(refilling.begin());
        assert!(!refilling.again(), "nobody came");
        assert!(refilling.begin());
        assert!(!refilling.begin() && !refilling.begin());
        assert!(refilling.again(), "two came");
        assert!(!refilling.begin());
        assert!(refilling.again(), "and one more");
        assert!(!refilling.again());
        assert!(refilling.begin(), "it was done, so the next does it");
    }
}
