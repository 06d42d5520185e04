//! The setters of a builder that holds [`Options`](super::Options): one for each option of the shared table, and those
//! for what only a builder has.

/// The setters of a builder that holds [`Options`](super::Options) in the field that is named.
#[doc(hidden)]
#[macro_export]
macro_rules! __option_setters {
    ($field:tt) => {
        $crate::__private::option_table!([$crate::__option_setters] @table $field);

        /// Tries calls that did not succeed again, as `retry` says; by default they are tried once. A method with a
        /// `num_retries` of its own keeps to that number, and one of `retry_method` to its own policy.
        pub fn retry(mut self, retry: $crate::__private::Retry) -> Self {
            self.$field.set_retry(retry);
            self
        }

        /// The same for one method, by its name; it is stronger than all else that is said of that method's retries.
        pub fn retry_method(
            mut self,
            method: impl $crate::__private::std::convert::Into<$crate::__private::std::string::String>,
            retry: $crate::__private::Retry,
        ) -> Self {
            self.$field.set_retry_method($crate::__private::std::convert::Into::into(method), retry);
            self
        }

        /// What the workers may use, and how fast; they share it with whoever else has a clone. A method takes of it
        /// through its context; one of `calls` is taken by every call, before it is sent.
        pub fn limits(
            mut self,
            limits: impl $crate::__private::std::convert::Into<$crate::__private::LimitSource>,
        ) -> Self {
            self.$field.set_limits($crate::__private::std::convert::Into::into(limits));
            self
        }

        /// The same for each worker by itself: every one has its own.
        pub fn limits_per_worker(
            mut self,
            limits: impl $crate::__private::std::convert::Into<$crate::__private::LimitSource>,
        ) -> Self {
            self.$field.set_limits_per_worker($crate::__private::std::convert::Into::into(limits));
            self
        }

        /// Runs `hook` in each worker before its constructor, each time that a worker starts; with `preload` after the
        /// constructor, which has run elsewhere then.
        pub fn on_worker_start(mut self, hook: fn()) -> Self {
            self.$field.set_on_worker_start(hook);
            self
        }

        $crate::__ray_setter!($field);
    };
    (@table $field:tt $($(#[$doc:meta])* $option:ident: $kind:ident { $($rest:tt)* })*) => {
        $($crate::__option_setters!(@one $field $option $kind [$(#[$doc])*]);)*
    };
    (@one $field:tt $option:ident Text $doc:tt) => {
        $crate::__option_setters!(
            @setter $field $option $doc
            impl $crate::__private::std::convert::Into<$crate::__private::std::string::String>
        );
    };
    (@one $field:tt $option:ident Mode $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc $crate::__private::Mode);
    };
    (@one $field:tt $option:ident Balancing $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc $crate::__private::LoadBalancing);
    };
    (@one $field:tt $option:ident Full $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc $crate::__private::OnFull);
    };
    (@one $field:tt $option:ident Count $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc usize);
    };
    (@one $field:tt $option:ident Workers $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc usize);
    };
    (@one $field:tt $option:ident Number $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc u32);
    };
    (@one $field:tt $option:ident Truth $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc bool);
    };
    (@one $field:tt $option:ident Time $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc $crate::__private::std::time::Duration);
    };
    (@one $field:tt $option:ident Span $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc $crate::__private::std::time::Duration);
    };
    (@one $field:tt $option:ident Size $doc:tt) => {
        $crate::__option_setters!(@setter $field $option $doc u64);
    };
    (@setter $field:tt $option:ident [$($doc:tt)*] $type:ty) => {
        $($doc)*
        pub fn $option(mut self, $option: $type) -> Self {
            self.$field.said().$option =
                $crate::__private::std::option::Option::Some($crate::__private::std::convert::Into::into($option));
            self
        }
    };
}

/// The setter of what only mode `ray` goes by, where that is built.
#[cfg(feature = "ray")]
#[doc(hidden)]
#[macro_export]
macro_rules! __ray_setter {
    ($field:tt) => {
        /// Where the Ray cluster is and what each worker needs of it, in mode `ray`.
        pub fn ray(mut self, ray: $crate::__private::RayOptions) -> Self {
            self.$field.set_ray(ray);
            self
        }
    };
}

/// Nothing, where mode `ray` is not built.
#[cfg(not(feature = "ray"))]
#[doc(hidden)]
#[macro_export]
macro_rules! __ray_setter {
    ($field:tt) => {};
}
