//! The worker's side: its constructor is run, a message becomes a method call, an outcome becomes a reply.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Shape, options};
use crate::hygiene::{item, local, local_at};
use crate::model::{Method, Pass, Receiver};

/// `impl Worker for Type`.
pub(crate) fn implementation(shape: &Shape<'_>) -> TokenStream {
    let construct = construct(shape);
    let callee = |method: &Method| {
        let (ty, name) = (&shape.ty, &method.signature.ident);
        quote_spanned!(name.span()=> <#ty>::#name)
    };
    worker(shape, &construct, &callee)
}

/// The implementation for a type that is made by `construct` and whose methods are called by the paths of `callee`.
pub(crate) fn worker(
    shape: &Shape<'_>,
    construct: &TokenStream,
    callee: &dyn Fn(&Method) -> TokenStream,
) -> TokenStream {
    let Shape { ty, private, message, label, .. } = shape;
    let (impl_generics, ty_generics, where_clause) = shape.generics.split_for_impl();
    let (numbers, init) = (Shape::numbers(), Shape::init());
    let argument = local("message");
    let (method_number, codec, bytes) = (local("method"), local("codec"), local("bytes"));
    let attributes = options::attributes(&shape.options.said, private);
    let wire = if shape.options.local {
        quote!(#private::std::option::Option::None)
    } else {
        let codec = codec_name(shape);
        quote!((&&#private::Wired::<Self>::new()).wire(#private::Codec::#codec))
    };
    let numbered = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        quote!(#(#cfgs)* #variant,)
    });
    let methods = shape.methods.iter().map(|method| entry(shape, method));
    let number_arms = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        quote!(#(#cfgs)* #message::#variant { .. } => #numbers::#variant as usize,)
    });
    let copies = shape.methods.iter().map(|method| copy(shape, method));
    let (share, own) = (door(shape, callee, false), door(shape, callee, true));
    let construct = match shape.constructor {
        Some(constructor) if constructor.is_async() => quote!(#private::Run::going(async move { #construct })),
        _ => quote!(#private::Run::Done({ #construct })),
    };
    let decodes = |method: &Method| method.output.fallible;
    let decoders = shape.methods.iter().filter(|method| decodes(method)).map(|method| {
        let (variant, cfgs, probe) = (&method.variant, &method.attributes.cfgs, probe(shape, method));
        quote_spanned! {method.output.ty.span()=>
            #(#cfgs)*
            if #method_number == #numbers::#variant as usize {
                return #probe.decode(#codec, #bytes);
            }
        }
    });
    let init_decoder = shape.constructor.filter(|constructor| decodes(constructor)).map(|constructor| {
        let probe = probe(shape, constructor);
        quote_spanned! {constructor.output.ty.span()=>
            if #method_number == #private::INIT {
                return #probe.decode(#codec, #bytes);
            }
        }
    });
    let phantom = item("Phantom");
    let never = shape.is_generic().then(|| quote!(#message::#phantom(_, ref never) => match *never {},));
    quote! {
        #[allow(unused_imports)]
        use #private::probes::{Far as _, FarWorker as _, Many as _, Near as _, NearWorker as _, Once as _};

        #[allow(dead_code)]
        enum #numbers { #(#numbered)* }

        #[doc(hidden)]
        #[automatically_derived]
        #[allow(unused_imports, unused_variables, unreachable_code, private_interfaces, private_bounds)]
        impl #impl_generics #private::Worker for #ty #where_clause {
            type Message = #message #ty_generics;
            type Init = #init #ty_generics;
            const NAME: &'static str = #label;
            const METHODS: &'static [#private::Method] = &[#(#methods)*];

            fn attributes() -> #private::Attributes {
                use #private::NoDefaults as _;
                #private::Attributes::or(#attributes, <#ty>::__CONCURRY_DEFAULTS)
            }

            fn construct(
                #argument: Self::Init,
            ) -> #private::Run<'static, #private::std::result::Result<Self, #private::Error>> {
                use #private::capture::*;
                #construct
            }

            fn method_of(#argument: &Self::Message) -> usize {
                match *#argument { #(#number_arms)* #never }
            }

            fn copy_message(#argument: &Self::Message) -> #private::std::option::Option<Self::Message> {
                match *#argument { #(#copies)* #never }
            }

            #share
            #own

            fn decode_error(
                #method_number: usize,
                #codec: #private::Codec,
                #bytes: &[u8],
            ) -> #private::std::option::Option<#private::BoxError> {
                use #private::capture::*;
                #init_decoder
                #(#decoders)*
                #private::std::option::Option::None
            }

            fn wire() -> #private::std::option::Option<#private::Wire<Self>> {
                #wire
            }
        }
    }
}

/// What finds out what a method's error can do.
fn probe(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let returned = &method.output.ty;
    let private = shape.facade.private_at(returned.span());
    quote_spanned!(returned.span()=> (&&&&#private::Probe::<<#returned as #private::ResultLike>::Error>::new()))
}

/// The codec's variant.
fn codec_name(shape: &Shape<'_>) -> TokenStream {
    if shape.options.msgpack { quote!(MsgPack) } else { quote!(Bincode) }
}

/// A method's line in the table.
fn entry(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let private = &shape.private;
    let (name, cfgs) = (method.name(), &method.attributes.cfgs);
    let (exclusive, asynchronous) = (method.receiver == Receiver::Exclusive, method.is_async());
    let (said, output) = (options::attributes(&method.options.said, private), shape.value(&method.output));
    quote! {
        #(#cfgs)*
        #private::Method {
            name: #name,
            exclusive: #exclusive,
            asynchronous: #asynchronous,
            said: #said,
            output: #private::std::option::Option::Some(#private::std::any::TypeId::of::<#output>),
        },
    }
}

/// The function of the trait through which messages reach the methods that take `&mut self`, or all others; none where
/// the block has none of these. Each method is behind one of them.
fn door(shape: &Shape<'_>, callee: &dyn Fn(&Method) -> TokenStream, exclusive: bool) -> Option<TokenStream> {
    let Shape { private, .. } = shape;
    let (argument, context, reply) = (local("message"), local("context"), local("reply"));
    let behind = |method: &&&Method| (method.receiver == Receiver::Exclusive) == exclusive;
    let arms: Vec<_> = shape.methods.iter().filter(behind).map(|method| arm(shape, method, callee)).collect();
    let (name, receiver) =
        if exclusive { (quote!(own), quote!(&'a mut self)) } else { (quote!(share), quote!(&'a self)) };
    // Further arms may be configured out, so the last one is there whether or not it can be reached.
    (!arms.is_empty()).then(|| {
        quote! {
            #[inline]
            fn #name<'a>(
                #receiver,
                #argument: Self::Message,
                #context: &'a #private::CallContext,
                #reply: #private::Reply<'a>,
            ) -> #private::Run<'a, #private::Replied> {
                use #private::capture::*;
                match #argument {
                    #(#arms)*
                    #[allow(unreachable_patterns)]
                    _ => #private::Reply::astray(#reply),
                }
            }
        }
    })
}

/// The call of a function with what a message held, still a future where the function is asynchronous.
fn called(method: &Method, callee: &TokenStream, private: &TokenStream) -> TokenStream {
    let context = local("context");
    let receiver = (method.receiver != Receiver::None).then(|| quote!(self,));
    let mut position = 0usize;
    let args = method.params.iter().map(|param| {
        let name = local(&format!("arg{position}"));
        let span = param.ty.span();
        match param.pass {
            Pass::Context => quote!(#context,),
            Pass::OwnContext => quote!(#private::std::clone::Clone::clone(#context),),
            Pass::Value => {
                position += 1;
                quote!(#name,)
            }
            Pass::Borrow => {
                position += 1;
                quote_spanned!(span=> &#name,)
            }
        }
    });
    quote_spanned!(method.output.ty.span()=> #callee(#receiver #(#args)*))
}

/// The same, awaited; what stands around it is an `async` block then.
fn run(method: &Method, callee: &TokenStream, private: &TokenStream) -> TokenStream {
    let call = called(method, callee, private);
    if method.is_async() { quote!(#call.await) } else { call }
}

/// `field: __argN` for each argument.
fn fields(method: &Method) -> TokenStream {
    let fields = method.arguments().enumerate().map(|(position, param)| {
        let (field, name) = (&param.field, local(&format!("arg{position}")));
        quote!(#field: #name,)
    });
    quote!(#(#fields)*)
}

/// A copy of a message, if every argument in it has a `Clone`.
fn copy(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let (message, private) = (&shape.message, &shape.private);
    let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
    let named = |position: usize| local(&format!("arg{position}"));
    let taken = method.arguments().enumerate().map(|(position, param)| {
        let (field, name) = (&param.field, named(position));
        quote!(#field: ref #name,)
    });
    let copied = method.arguments().enumerate().map(|(position, param)| {
        let (field, held, name) = (&param.field, &param.held, named(position));
        quote!(#field: (&&#private::Repeated::<#held>::new()).repeat(#name)?,)
    });
    quote! {
        #(#cfgs)*
        #message::#variant { #(#taken)* } => #private::std::option::Option::Some(#message::#variant { #(#copied)* }),
    }
}

fn arm(shape: &Shape<'_>, method: &Method, callee: &dyn Fn(&Method) -> TokenStream) -> TokenStream {
    let message = &shape.message;
    let (variant, cfgs, returned) = (&method.variant, &method.attributes.cfgs, &method.output.ty);
    let private = &shape.facade.private_at(returned.span());
    let reply = local("reply");
    let [value, error] = ["value", "error"].map(|name| local_at(name, returned.span()));
    let (fields, run) = (fields(method), run(method, &callee(method), private));
    let probe = probe(shape, method);
    let of = shape.value(&method.output);
    let respond = |value: &TokenStream| {
        if shape.options.local {
            quote_spanned!(returned.span()=> #private::Reply::local_value::<#of>(#reply, #value))
        } else {
            quote_spanned!(returned.span()=> (&&#private::Returned::<#of>::new()).reply(#reply, #value))
        }
    };
    let outcome = if method.output.fallible {
        let respond = respond(&quote!(#value));
        quote_spanned! {returned.span()=>
            match <#returned as #private::ResultLike>::into_result(#run) {
                #private::std::result::Result::Ok(#value) => #respond,
                #private::std::result::Result::Err(#error) => {
                    #private::Reply::failure(#reply, #probe.capture(#error))
                }
            }
        }
    } else {
        respond(&run)
    };
    let outcome = if method.is_async() {
        quote!(#private::Run::going(async move { #outcome }))
    } else {
        quote!(#private::Run::Done(#outcome))
    };
    quote! {
        #(#cfgs)*
        #message::#variant { #fields } => { #outcome }
    }
}

/// The body of `construct`.
fn construct(shape: &Shape<'_>) -> TokenStream {
    let Shape { ty, private, .. } = shape;
    let (init, argument) = (Shape::init(), local("message"));
    let value = local("value");
    let ok = quote!(#private::std::result::Result::Ok);
    let Some(constructor) = shape.constructor else {
        return quote_spanned!(ty.span()=> #ok(<#ty as #private::Startable>::start()));
    };
    let name = &constructor.signature.ident;
    let callee = quote_spanned!(name.span()=> <#ty>::#name);
    let (fields, run) = (fields(constructor), run(constructor, &callee, private));
    let rest = shape.is_generic().then(|| quote!(..));
    let outcome = if constructor.output.fallible {
        let returned = &constructor.output.ty;
        let private = shape.facade.private_at(returned.span());
        let error = local_at("error", returned.span());
        let (probe, codec) = (probe(shape, constructor), codec_name(shape));
        quote_spanned! {returned.span()=>
            match <#returned as #private::ResultLike>::into_result(#run) {
                #private::std::result::Result::Ok(#value) => #ok(#value),
                #private::std::result::Result::Err(#error) => #private::std::result::Result::Err(#private::init_failed(
                    #private::Codec::#codec,
                    #probe.capture(#error),
                )),
            }
        }
    } else {
        quote!(#ok(#run))
    };
    quote! {
        let #init { #fields #rest } = #argument;
        #outcome
    }
}
