//! The worker's side: its constructor is run, a message becomes a method call, an outcome becomes a reply.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::{Shape, options};
use crate::hygiene::{item, local};
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
    let attributes = options::attributes(shape.options, private);
    let wire = if shape.options.local {
        quote!(#private::std::option::Option::None)
    } else {
        let codec = codec_name(shape);
        quote!(#private::std::option::Option::Some(#private::wire::<Self>(#private::Codec::#codec)))
    };
    let numbered = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        quote!(#(#cfgs)* #variant,)
    });
    let methods = shape.methods.iter().map(|method| entry(method, private));
    let number_arms = shape.methods.iter().map(|method| {
        let (variant, cfgs) = (&method.variant, &method.attributes.cfgs);
        quote!(#(#cfgs)* #message::#variant { .. } => #numbers::#variant as usize,)
    });
    let (share, own) = (door(shape, callee, false), door(shape, callee, true));
    let construct = match shape.constructor {
        Some(constructor) if constructor.is_async() => quote!(#private::Run::going(async move { #construct })),
        _ => quote!(#private::Run::Done({ #construct })),
    };
    let decodes = |method: &Method| method.output.fallible && !method.output.has_static_error();
    let decoders = shape.methods.iter().filter(|method| decodes(method)).map(|method| {
        let (variant, cfgs, probe) = (&method.variant, &method.attributes.cfgs, probe(method, private));
        quote_spanned! {method.output.ty.span()=>
            #(#cfgs)*
            if #method_number == #numbers::#variant as usize {
                return #probe.decode(#codec, #bytes);
            }
        }
    });
    let init_decoder = shape.constructor.filter(|constructor| decodes(constructor)).map(|constructor| {
        let probe = probe(constructor, private);
        quote_spanned! {constructor.output.ty.span()=>
            if #method_number == #private::INIT {
                return #probe.decode(#codec, #bytes);
            }
        }
    });
    let phantom = item("Phantom");
    let never = shape.is_generic().then(|| quote!(#message::#phantom(_, ref never) => match *never {},));
    quote! {
        #[allow(dead_code)]
        enum #numbers { #(#numbered)* }

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
fn probe(method: &Method, private: &TokenStream) -> TokenStream {
    let returned = &method.output.ty;
    quote_spanned!(returned.span()=> (&&&#private::Probe::<<#returned as #private::ResultLike>::Error>::new()))
}

/// The method's error in the variable `error`, captured. Method resolution does not look at lifetimes and would take
/// `&'static str` for something that can be decoded, so that is not asked.
fn captured(method: &Method, error: &proc_macro2::Ident, private: &TokenStream) -> TokenStream {
    if method.output.has_static_error() {
        return quote_spanned!(method.output.ty.span()=> #private::capture_plain(#error));
    }
    let probe = probe(method, private);
    quote_spanned!(method.output.ty.span()=> #probe.capture(#error))
}

/// The codec's variant.
fn codec_name(shape: &Shape<'_>) -> TokenStream {
    if shape.options.msgpack { quote!(MsgPack) } else { quote!(Bincode) }
}

/// A method's line in the table.
fn entry(method: &Method, private: &TokenStream) -> TokenStream {
    let (name, cfgs) = (method.name(), &method.attributes.cfgs);
    let (exclusive, asynchronous) = (method.receiver == Receiver::Exclusive, method.is_async());
    let timeout = options::optional(method.options.timeout.map(|time| options::duration(time, private)), private);
    let retries = options::optional(method.options.num_retries.map(|number| quote!(#number)), private);
    quote! {
        #(#cfgs)*
        #private::Method {
            name: #name,
            exclusive: #exclusive,
            asynchronous: #asynchronous,
            timeout: #timeout,
            num_retries: #retries,
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
    quote!(#callee(#receiver #(#args)*))
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

fn arm(shape: &Shape<'_>, method: &Method, callee: &dyn Fn(&Method) -> TokenStream) -> TokenStream {
    let Shape { private, message, .. } = shape;
    let (variant, cfgs, returned) = (&method.variant, &method.attributes.cfgs, &method.output.ty);
    let (reply, value, error) = (local("reply"), local("value"), local("error"));
    let (fields, run) = (fields(method), run(method, &callee(method), private));
    let respond = if shape.options.local { quote!(local_value) } else { quote!(value) };
    let captured = captured(method, &error, private);
    let outcome = if method.output.fallible {
        quote_spanned! {returned.span()=>
            match #private::ResultLike::into_result(#run) {
                #private::std::result::Result::Ok(#value) => #private::Reply::#respond(#reply, #value),
                #private::std::result::Result::Err(#error) => #private::Reply::failure(#reply, #captured),
            }
        }
    } else {
        quote_spanned!(returned.span()=> #private::Reply::#respond::<#returned>(#reply, #run))
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
    let (value, error) = (local("value"), local("error"));
    let ok = quote!(#private::std::result::Result::Ok);
    let Some(constructor) = shape.constructor else {
        return quote_spanned!(ty.span()=> #ok(<#ty as #private::std::default::Default>::default()));
    };
    let name = &constructor.signature.ident;
    let callee = quote_spanned!(name.span()=> <#ty>::#name);
    let (fields, run) = (fields(constructor), run(constructor, &callee, private));
    let rest = shape.is_generic().then(|| quote!(..));
    let outcome = if constructor.output.fallible {
        let (returned, codec) = (&constructor.output.ty, codec_name(shape));
        let captured = captured(constructor, &error, private);
        quote_spanned! {returned.span()=>
            match #private::ResultLike::into_result(#run) {
                #private::std::result::Result::Ok(#value) => #ok(#value),
                #private::std::result::Result::Err(#error) => #private::std::result::Result::Err(#private::init_failed(
                    #private::Codec::#codec,
                    #captured,
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
