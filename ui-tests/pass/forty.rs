//! Forty methods on one worker: each is called, in every mode, and answers for itself.
#![deny(warnings, clippy::all)]

use concurry::prelude::*;
use concurry_ui_tests::MODES;

#[derive(Default)]
pub struct Forty {
    calls: u64,
}

#[worker]
impl Forty {
    pub fn m1(&self, by: u64) -> u64 {
        1 + by
    }

    pub fn m2(&self, by: u64) -> u64 {
        2 + by
    }

    pub fn m3(&self, by: u64) -> u64 {
        3 + by
    }

    pub fn m4(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(4 + by)
    }

    pub fn m5(&self, by: u64) -> u64 {
        5 + by
    }

    pub fn m6(&self, by: u64) -> u64 {
        6 + by
    }

    pub fn m7(&self, by: u64) -> u64 {
        7 + by
    }

    pub fn m8(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(8 + by)
    }

    pub fn m9(&self, by: u64) -> u64 {
        9 + by
    }

    pub fn m10(&self, by: u64) -> u64 {
        10 + by
    }

    pub fn m11(&self, by: u64) -> u64 {
        11 + by
    }

    pub fn m12(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(12 + by)
    }

    pub fn m13(&self, by: u64) -> u64 {
        13 + by
    }

    pub fn m14(&self, by: u64) -> u64 {
        14 + by
    }

    pub fn m15(&self, by: u64) -> u64 {
        15 + by
    }

    pub fn m16(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(16 + by)
    }

    pub fn m17(&self, by: u64) -> u64 {
        17 + by
    }

    pub fn m18(&self, by: u64) -> u64 {
        18 + by
    }

    pub fn m19(&self, by: u64) -> u64 {
        19 + by
    }

    pub fn m20(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(20 + by)
    }

    pub fn m21(&self, by: u64) -> u64 {
        21 + by
    }

    pub fn m22(&self, by: u64) -> u64 {
        22 + by
    }

    pub fn m23(&self, by: u64) -> u64 {
        23 + by
    }

    pub fn m24(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(24 + by)
    }

    pub fn m25(&self, by: u64) -> u64 {
        25 + by
    }

    pub fn m26(&self, by: u64) -> u64 {
        26 + by
    }

    pub fn m27(&self, by: u64) -> u64 {
        27 + by
    }

    pub fn m28(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(28 + by)
    }

    pub fn m29(&self, by: u64) -> u64 {
        29 + by
    }

    pub fn m30(&self, by: u64) -> u64 {
        30 + by
    }

    pub fn m31(&self, by: u64) -> u64 {
        31 + by
    }

    pub fn m32(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(32 + by)
    }

    pub fn m33(&self, by: u64) -> u64 {
        33 + by
    }

    pub fn m34(&self, by: u64) -> u64 {
        34 + by
    }

    pub fn m35(&self, by: u64) -> u64 {
        35 + by
    }

    pub fn m36(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(36 + by)
    }

    pub fn m37(&self, by: u64) -> u64 {
        37 + by
    }

    pub fn m38(&self, by: u64) -> u64 {
        38 + by
    }

    pub fn m39(&self, by: u64) -> u64 {
        39 + by
    }

    pub fn m40(&mut self, by: u64) -> Result<u64, String> {
        self.calls += by;
        Ok(40 + by)
    }

    pub fn calls(&self) -> u64 {
        self.calls
    }
}

#[test]
fn all_forty_answer() -> concurry::Result<()> {
    for mode in MODES {
        let pool = Forty::options().mode(mode).init()?;
        let futures = vec![
            pool.m1(1u64),
            pool.m2(1u64),
            pool.m3(1u64),
            pool.m4(1u64),
            pool.m5(1u64),
            pool.m6(1u64),
            pool.m7(1u64),
            pool.m8(1u64),
            pool.m9(1u64),
            pool.m10(1u64),
            pool.m11(1u64),
            pool.m12(1u64),
            pool.m13(1u64),
            pool.m14(1u64),
            pool.m15(1u64),
            pool.m16(1u64),
            pool.m17(1u64),
            pool.m18(1u64),
            pool.m19(1u64),
            pool.m20(1u64),
            pool.m21(1u64),
            pool.m22(1u64),
            pool.m23(1u64),
            pool.m24(1u64),
            pool.m25(1u64),
            pool.m26(1u64),
            pool.m27(1u64),
            pool.m28(1u64),
            pool.m29(1u64),
            pool.m30(1u64),
            pool.m31(1u64),
            pool.m32(1u64),
            pool.m33(1u64),
            pool.m34(1u64),
            pool.m35(1u64),
            pool.m36(1u64),
            pool.m37(1u64),
            pool.m38(1u64),
            pool.m39(1u64),
            pool.m40(1u64),
        ];
        let expected: Vec<u64> = (2..=41).collect();
        assert_eq!(gather(futures).results()?, expected);
        assert_eq!(pool.calls().result()?, 10);
        pool.stop()?;
    }
    Ok(())
}
