//! Decoding bincode without believing what it says of lengths.
//!
//! Asked for a `String` or for bytes of its own, bincode makes room for as many as are announced before it looks whether
//! they are there: a few bytes of nonsense would end this process for want of memory. Asked for borrowed ones it looks
//! first. So whatever is asked for is asked for as borrowed here, at every depth.
//!
//! Sequences need no room ahead, since serde's own types make it as elements arrive. But elements that take no bytes, such
//! as those of a `Vec<()>`, arrive for ever where 2^60 of them are announced. So the elements of all sequences and maps of
//! a message are counted whose lengths it says itself, with one for the end of each. There may be twice as many as it has
//! bytes, of which every element takes at least one, as every length does; and [`ALLOWANCE`] more.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor};

/// How many elements that take no bytes a message may have.
const ALLOWANCE: u64 = 1 << 20;

thread_local! {
    /// How many elements there may still be in the message that this thread decodes. It goes by no argument, since what
    /// is decoded may be deep, and each level of it would carry that on the stack.
    static BUDGET: Cell<u64> = const { Cell::new(0) };
}

/// The budget of a message, as long as it is decoded.
pub(super) struct Budget {
    /// That of the message whose decoding decodes this one.
    outer: u64,
}

impl Budget {
    /// For a message of so many bytes.
    pub(super) fn of(length: usize) -> Self {
        let budget = (length as u64).saturating_mul(2).saturating_add(ALLOWANCE);
        Budget { outer: BUDGET.replace(budget) }
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        BUDGET.set(self.outer);
    }
}

/// One more element is asked for.
fn spend<E: Error>() -> Result<(), E> {
    let Some(left) = BUDGET.get().checked_sub(1) else {
        return Err(E::custom(format_args!(
            "it has more elements than bytes; of those that take no bytes at most {ALLOWANCE} are allowed"
        )));
    };
    BUDGET.set(left);
    Ok(())
}

/// A deserializer, a visitor, a seed or an access, whichever it is that is passed on. Where it is `COUNTED`, the message
/// says itself how many elements there are.
pub(super) struct Careful<T, const COUNTED: bool = false>(T);

/// What decodes a `T` with care.
pub(super) fn seed<T>(_: &Budget) -> Careful<PhantomData<T>> {
    Careful(PhantomData)
}

macro_rules! forward {
    ($($name:ident($($argument:ident: $type:ty),*);)*) => {$(
        fn $name<V: Visitor<'de>>(self, $($argument: $type,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$name($($argument,)* Careful::<V>(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Careful<D> {
    type Error = D::Error;

    forward! {
        deserialize_any();
        deserialize_bool();
        deserialize_i8();
        deserialize_i16();
        deserialize_i32();
        deserialize_i64();
        deserialize_i128();
        deserialize_u8();
        deserialize_u16();
        deserialize_u32();
        deserialize_u64();
        deserialize_u128();
        deserialize_f32();
        deserialize_f64();
        deserialize_char();
        deserialize_str();
        deserialize_bytes();
        deserialize_option();
        deserialize_unit();
        deserialize_unit_struct(name: &'static str);
        deserialize_newtype_struct(name: &'static str);
        deserialize_tuple(length: usize);
        deserialize_tuple_struct(name: &'static str, length: usize);
        deserialize_struct(name: &'static str, fields: &'static [&'static str]);
        deserialize_enum(name: &'static str, variants: &'static [&'static str]);
        deserialize_identifier();
        deserialize_ignored_any();
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_seq(Careful::<V, true>(visitor))
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_map(Careful::<V, true>(visitor))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_str(Careful::<V>(visitor))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_bytes(Careful::<V>(visitor))
    }

    fn is_human_readable(&self) -> bool {
        self.0.is_human_readable()
    }
}

macro_rules! visit {
    ($($name:ident($type:ty);)*) => {$(
        fn $name<E: Error>(self, value: $type) -> Result<V::Value, E> {
            self.0.$name(value)
        }
    )*};
}

impl<'de, V: Visitor<'de>, const COUNTED: bool> Visitor<'de> for Careful<V, COUNTED> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    visit! {
        visit_bool(bool);
        visit_i8(i8);
        visit_i16(i16);
        visit_i32(i32);
        visit_i64(i64);
        visit_i128(i128);
        visit_u8(u8);
        visit_u16(u16);
        visit_u32(u32);
        visit_u64(u64);
        visit_u128(u128);
        visit_f32(f32);
        visit_f64(f64);
        visit_char(char);
        visit_str(&str);
        visit_borrowed_str(&'de str);
        visit_string(String);
        visit_bytes(&[u8]);
        visit_borrowed_bytes(&'de [u8]);
        visit_byte_buf(Vec<u8>);
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, some: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Careful::<D>(some))
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Careful::<D>(inner))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Careful::<A, COUNTED>(seq))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Careful::<A, COUNTED>(map))
    }

    fn visit_enum<A: EnumAccess<'de>>(self, data: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Careful::<A>(data))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Careful<S> {
    type Value = S::Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Careful::<D>(from))
    }
}

impl<'de, A: SeqAccess<'de>, const COUNTED: bool> SeqAccess<'de> for Careful<A, COUNTED> {
    type Error = A::Error;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, A::Error> {
        if COUNTED {
            spend()?;
        }
        self.0.next_element_seed(Careful::<S>(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: MapAccess<'de>, const COUNTED: bool> MapAccess<'de> for Careful<A, COUNTED> {
    type Error = A::Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, A::Error> {
        if COUNTED {
            spend()?;
        }
        self.0.next_key_seed(Careful::<K>(seed))
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Careful::<S>(seed))
    }

    fn size_hint(&self) -> Option<usize> {
        self.0.size_hint()
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Careful<A> {
    type Error = A::Error;
    type Variant = Careful<A::Variant>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self::Variant), A::Error> {
        let (value, variant) = self.0.variant_seed(Careful::<S>(seed))?;
        Ok((value, Careful::<A::Variant>(variant)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Careful<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Careful::<S>(seed))
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(length, Careful::<V>(visitor))
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, Careful::<V>(visitor))
    }
}
