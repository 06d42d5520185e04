//! A task: the function that submits, and the type of its name that holds everything else.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{ItemFn, Type, parse_quote};

use super::{Shape, client, demands, dispatch, docs, message, quiet};
use crate::hygiene::{Facade, item, local};
use crate::model::{Method, Param, Pass, plain};
use crate::options::Options;

/// The hidden function around the user's own.
fn runner() -> Ident {
    Ident::new("__concurry_run", Span::call_site())
}

/// Everything for a `#[task]` function.
pub(crate) fn task(options: &Options, function: &ItemFn, method: &Method) -> TokenStream {
    let name = &method.signature.ident;
    let facade = Facade::new(options.facade.as_ref());
    let ty: Type = parse_quote!(#name);
    let shape = Shape {
        ty,
        label: plain(name),
        generics: syn::Generics::default(),
        cfgs: &method.attributes.cfgs,
        lints: &[],
        options,
        private: facade.private(),
        facade,
        message: item("Message"),
        client: item("Client"),
        builder: item("Options"),
        methods: vec![method],
        constructor: None,
    };
    let (function, face) = (stub(&shape, method), face(&shape, function, method));
    let (message, init) = (message::enumeration(&shape), message::init(&shape));
    let private = &shape.private;
    let construct = quote!(#private::std::result::Result::Ok(#name { __concurry: () }));
    let runner = runner();
    let callee = |method: &Method| {
        let name = &method.signature.ident;
        quote_spanned!(name.span()=> <#name>::#runner)
    };
    let worker = dispatch::worker(&shape, &construct, &callee);
    let (demands, implementation) = (demands::demands(&shape), implementation(&shape, method));
    let (cfgs, quiet) = (shape.cfgs, quiet(&shape));
    quote! {
        #function
        #face
        #(#cfgs)*
        #quiet
        const _: () = {
            #demands
            #message
            #init
            #worker
            #implementation
        };
    }
}

/// The arguments as the pool takes them: one as it is, several as a tuple.
fn arguments(method: &Method) -> TokenStream {
    let held: Vec<_> = method.arguments().map(|param| &param.held).collect();
    match held[..] {
        [one] => quote!(#one),
        _ => quote!((#(#held),*)),
    }
}

/// Names for the arguments, and all of them as one value or pattern.
fn gathered(method: &Method) -> TokenStream {
    let names: Vec<Ident> =
        method.arguments().enumerate().map(|(position, _)| local(&format!("arg{position}"))).collect();
    match &names[..] {
        [one] => quote!(#one),
        _ => quote!((#(#names),*)),
    }
}

/// The function that submits to the task's own pool.
fn stub(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let private = &shape.private;
    let attributes = client::attributes(
        method,
        &format!(" Runs `{}` on a worker of its pool, which the first call starts.", method.name()),
    );
    let (vis, name) = (&method.vis, &method.signature.ident);
    let params = client::parameters(method, private);
    let (args, pattern) = client::pairs(shape, method);
    let (value, gathered) = (shape.value(&method.output), gathered(method));
    let future = quote!(#private::TaskFuture<#value>);
    let call = quote!(#private::task_call::<#name, _>(#args, |#pattern| <#name as #private::Task>::message(#gathered)));
    let call = if shape.options.local {
        call
    } else {
        quote!({
            #[allow(unused_imports)]
            use #private::probes::{Far as _, Near as _};
            #call
        })
    };
    docs::told(method, private, attributes, |future| quote!(#vis fn #name(#params) -> #future), &future, &call)
}

/// The type of the function's name, with the function itself in it.
fn face(shape: &Shape<'_>, function: &ItemFn, method: &Method) -> TokenStream {
    let Shape { private, cfgs, label, .. } = shape;
    let (vis, name, docs) = (&method.vis, &method.signature.ident, &method.attributes.docs);
    let mut ours = name.clone();
    ours.set_span(name.span().resolved_at(Span::call_site()));
    let doc = docs::task(label, docs.is_empty());
    let (own, args) = (own(function), arguments(method));
    let (runner, plain) = (runner(), plain_call(shape, method));
    let params = method.params.iter().enumerate().map(|(position, param)| declared(position, param));
    let names = (0..method.params.len()).map(numbered);
    let (asynchronous, wait) = if method.is_async() { (quote!(async), quote!(.await)) } else { (quote!(), quote!()) };
    let output = &method.signature.output;
    let inputs = quote!(where I: #private::std::iter::IntoIterator<Item = #args>);
    quote! {
        #(#cfgs)*
        #(#docs)*
        #doc
        #[allow(dead_code)]
        #vis struct #ours {
            __concurry: (),
        }

        #(#cfgs)*
        impl #name {
            #[doc(hidden)]
            #asynchronous fn #runner(#(#params)*) #output {
                #own
                #name(#(#names),*) #wait
            }

            #plain

            #[doc = " Runs the task on each of `inputs` and yields the results in their order; inputs are drawn as needed."]
            #[allow(dead_code, private_interfaces)]
            #vis fn map<I>(inputs: I) -> #private::TaskMap<#name, <I as #private::std::iter::IntoIterator>::IntoIter>
            #inputs {
                #private::task_map::<#name, I>(inputs)
            }

            #[doc = " Runs the task on each of `inputs` and yields `(index, result)` as they finish."]
            #[allow(dead_code, private_interfaces)]
            #vis fn map_unordered<I>(
                inputs: I,
            ) -> #private::TaskMapUnordered<#name, <I as #private::std::iter::IntoIterator>::IntoIter>
            #inputs {
                #private::task_map_unordered::<#name, I>(inputs)
            }

            #[doc = " The options of another pool of this task."]
            #[allow(dead_code)]
            #vis fn options() -> #private::TaskOptions<#name> {
                #private::TaskOptions::<#name>::new()
            }

            #[doc = " Stops the task's own pool; the next call starts it anew."]
            #[doc = ""]
            #[doc = " # Errors\n What stopping the pool meets."]
            #[allow(dead_code)]
            #vis fn stop() -> #private::Result<()> {
                #private::task_stop::<#name>()
            }
        }
    }
}

fn numbered(position: usize) -> Ident {
    local(&format!("param{position}"))
}

fn declared(position: usize, param: &Param) -> TokenStream {
    let (name, ty) = (numbered(position), &param.ty);
    quote!(#name: #ty,)
}

/// The user's function without what its stub bears.
pub(crate) fn own(function: &ItemFn) -> ItemFn {
    let mut own = function.clone();
    own.vis = syn::Visibility::Inherited;
    own.attrs.retain(|attribute| !["doc", "cfg", "deprecated"].iter().any(|name| attribute.path().is_ident(name)));
    own
}

/// `call`: the plain function, with a context that stands outside any pool.
fn plain_call(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let private = &shape.private;
    let vis = &method.vis;
    let fixed: Vec<_> = method.params.iter().enumerate().collect();
    let params = fixed.iter().filter(|(_, param)| !param.is_context()).map(|(_, param)| {
        let (field, ty) = (&param.field, &param.ty);
        quote!(#field: #ty,)
    });
    let context = quote!(<#private::CallContext as #private::std::default::Default>::default());
    let args = fixed.iter().map(|(_, param)| {
        let field = &param.field;
        match param.pass {
            Pass::Context => quote!(&#context),
            Pass::OwnContext => quote!(#context),
            _ => quote!(#field),
        }
    });
    let (asynchronous, wait) = if method.is_async() { (quote!(async), quote!(.await)) } else { (quote!(), quote!()) };
    let (runner, output) = (runner(), &method.signature.output);
    let span = output.span();
    let call = quote_spanned!(span=> Self::#runner(#(#args),*) #wait);
    quote! {
        #[doc = " The plain function, here and now."]
        #[allow(dead_code, clippy::missing_errors_doc, clippy::missing_panics_doc, clippy::must_use_candidate)]
        #vis #asynchronous fn call(#(#params)*) #output {
            #call
        }
    }
}

fn implementation(shape: &Shape<'_>, method: &Method) -> TokenStream {
    let Shape { private, message, .. } = shape;
    let (name, variant) = (&method.signature.ident, &method.variant);
    let (args, value, gathered) = (arguments(method), shape.value(&method.output), gathered(method));
    let fields = method.arguments().enumerate().map(|(position, param)| {
        let (field, name) = (&param.field, local(&format!("arg{position}")));
        quote!(#field: #name,)
    });
    let (args_name, init) = (local("args"), Shape::init());
    let arity = if method.arguments().count() == 1 { quote!(One) } else { quote!(Many) };
    let span = method.output.ty.span();
    // Where a type is more private than the task, that is said at the type.
    let at = method.arguments().next().map_or(name.span(), |param| param.ty.span());
    let args = quote_spanned!(at=> type Args = #args;);
    let value_type = quote_spanned!(span=> type Output = #value;);
    let decode = if shape.options.local {
        quote!(#private::Decode::never())
    } else {
        quote!((&&#private::Returned::<#value>::new()).decode())
    };
    quote! {
        #[automatically_derived]
        impl #private::Task for #name {
            #args
            #value_type
            type Shape = #private::#arity;

            fn message(#args_name: Self::Args) -> #message {
                let #gathered = #args_name;
                #message::#variant { #(#fields)* }
            }

            fn no_arguments() -> #init {
                #init {}
            }

            fn decode() -> #private::Decode<Self::Output> {
                #decode
            }

            fn home() -> &'static #private::TaskHome<Self> {
                static HOME: #private::TaskHome<#name> = #private::TaskHome::new();
                &HOME
            }
        }
    }
}
