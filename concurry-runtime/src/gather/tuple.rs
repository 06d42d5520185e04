//! Groups of futures of different types: tuples of up to twelve.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::board::Board;
use super::group::{Group, Part};
use super::into::{IntoGather, Seal, marker};
use super::progress::Outcome;
use crate::error::{Error, Result, TimeoutScope};
use crate::future::TaskFuture;
use crate::future::slot::Notify;

macro_rules! tuple {
    ($count:literal: $($T:ident $index:tt),+) => {
        impl<$($T),+> Group for ($(Part<$T>,)+) {
            type Results = ($($T,)+);
            type Settled = ($(Result<$T>,)+);

            fn len(&self) -> usize {
                $count
            }

            fn watch(&self, board: &Arc<Board>) {
                $(self.$index.watch(board, $index);)+
            }

            fn unwatch(&self, board: &Arc<Board>) {
                let board: Arc<dyn Notify> = board.clone();
                $(self.$index.unwatch(&board);)+
            }

            fn refuse(&mut self, board: &Arc<Board>, refused: &mut VecDeque<usize>) {
                let board: Arc<dyn Notify> = board.clone();
                $(self.$index.refuse(&board, $index, refused);)+
            }

            fn arrive(&mut self, index: usize) -> Outcome {
                match index {
                    $($index => self.$index.arrive(),)+
                    _ => Outcome::Failed,
                }
            }

            fn error(&mut self, index: usize) -> Option<Error> {
                match index {
                    $($index => self.$index.error(),)+
                    _ => None,
                }
            }

            fn timed_out(&self, after: Option<Duration>) -> Error {
                $(if let Some(error) = self.$index.timed_out(after) {
                    return error;
                })+
                Error::timed_out(TimeoutScope::Wait, after)
            }

            fn results(&mut self) -> Result<Self::Results> {
                Ok(($(self.$index.close(None)?,)+))
            }

            fn settled(&mut self, after: Option<Duration>) -> Self::Settled {
                ($(self.$index.close(after),)+)
            }
        }

        impl<$($T),+> IntoGather<marker::Tuple> for ($(TaskFuture<$T>,)+) {
            type Group = ($(Part<$T>,)+);

            fn into_group(self, _: Seal) -> Self::Group {
                ($(Part::Waiting(self.$index),)+)
            }
        }
    };
}

tuple!(1: A 0);
tuple!(2: A 0, B 1);
tuple!(3: A 0, B 1, C 2);
tuple!(4: A 0, B 1, C 2, D 3);
tuple!(5: A 0, B 1, C 2, D 3, E 4);
tuple!(6: A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(7: A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(8: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(9: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(10: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
tuple!(11: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10);
tuple!(12: A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9, K 10, L 11);
