"""Writes a model as a Sentence Transformers folder: a BERT encoder, an XLM-R tokenizer, mean pooling, unit length."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors

from rag.embedding.charsmap import precompile
from rag.embedding.quantised import Geometry, QuantisedModel, Vocabulary

_EMBEDDINGS = {
    "emb.word": "embeddings.word_embeddings.weight",
    "emb.pos": "embeddings.position_embeddings.weight",
    "emb.type": "embeddings.token_type_embeddings.weight",
    "emb.ln.w": "embeddings.LayerNorm.weight",
    "emb.ln.b": "embeddings.LayerNorm.bias",
}
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}
_MODULES = (
    ("", "sentence_transformers.models.Transformer"),
    ("1_Pooling", "sentence_transformers.models.Pooling"),
    ("2_Normalize", "sentence_transformers.models.Normalize"),
)


def write_folder(model: QuantisedModel, folder: Path) -> None:
    """Write the model into an existing folder.

    Raises:
        OSError: the folder cannot be written, or the disk is full.
    """
    try:
        save_file(_named_tensors(model), folder / "model.safetensors", metadata={"format": "pt"})
        tokenizer = build_tokenizer(model.vocabulary, model.geometry.positions)
        (folder / "tokenizer.json").write_text(tokenizer.to_str(), encoding="utf-8")
    except SafetensorError as error:
        raise OSError(str(error)) from error
    for name, content in _configuration(model).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")
    (folder / "2_Normalize").mkdir(exist_ok=True)


def build_tokenizer(vocabulary: Vocabulary, max_length: int) -> Tokenizer:
    """Return the SentencePiece unigram tokenizer; texts are cut at ``max_length`` tokens."""
    scored = list(zip(vocabulary.pieces, vocabulary.scores, strict=True))
    tokenizer = Tokenizer(models.Unigram(scored, unk_id=vocabulary.unknown, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Precompiled(precompile(vocabulary.replacements)), normalizers.Replace(Regex(" {2,}"), " ")]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    bos, eos = vocabulary.pieces[vocabulary.bos], vocabulary.pieces[vocabulary.eos]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A {eos}",
        pair=f"{bos} $A {eos} {eos} $B {eos}",
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    special = (vocabulary.bos, vocabulary.pad, vocabulary.eos, vocabulary.unknown)
    tokenizer.add_special_tokens([AddedToken(vocabulary.pieces[piece], normalized=False) for piece in special])
    tokenizer.enable_truncation(max_length)
    return tokenizer


def _named_tensors(model: QuantisedModel) -> dict[str, NDArray[np.float32]]:
    names = dict(_EMBEDDINGS)
    for layer in range(model.geometry.layers):
        for short, long in _LAYER.items():
            names[f"l{layer}.{short}.w"] = f"encoder.layer.{layer}.{long}.weight"
            names[f"l{layer}.{short}.b"] = f"encoder.layer.{layer}.{long}.bias"
    if missing := names.keys() - model.tensors.keys():
        raise OSError(f"the weights lack {', '.join(sorted(missing))}")
    tensors = {long: _shaped(model.tensors[short], short, model.geometry) for short, long in names.items()}
    # Nothing reads the pooler, but transformers warns of a model without one.
    hidden = model.geometry.hidden
    tensors["pooler.dense.weight"] = np.zeros((hidden, hidden), np.float32)
    tensors["pooler.dense.bias"] = np.zeros(hidden, np.float32)
    return tensors


def _shaped(values: NDArray[np.float32], name: str, geometry: Geometry) -> NDArray[np.float32]:
    """Give a flat tensor its shape: matrices are (outputs, inputs), the rest vectors."""
    if name.endswith((".b", "ln.w")):
        return values
    return values.reshape(-1, geometry.intermediate if name.endswith(".fo.w") else geometry.hidden)


def _configuration(model: QuantisedModel) -> dict[str, Any]:
    geometry, vocabulary = model.geometry, model.vocabulary
    special = {
        "bos_token": vocabulary.pieces[vocabulary.bos],
        "eos_token": vocabulary.pieces[vocabulary.eos],
        "cls_token": vocabulary.pieces[vocabulary.bos],
        "sep_token": vocabulary.pieces[vocabulary.eos],
        "pad_token": vocabulary.pieces[vocabulary.pad],
        "unk_token": vocabulary.pieces[vocabulary.unknown],
    }
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": geometry.hidden,
            "num_hidden_layers": geometry.layers,
            "num_attention_heads": geometry.heads,
            "intermediate_size": geometry.intermediate,
            "hidden_act": "gelu",
            "vocab_size": geometry.vocabulary,
            "max_position_embeddings": geometry.positions,
            "type_vocab_size": geometry.types,
            "layer_norm_eps": 1e-12,
            "pad_token_id": vocabulary.pad,
            "position_embedding_type": "absolute",
            "hidden_dropout_prob": 0.1,
            "attention_probs_dropout_prob": 0.1,
            "dtype": "float32",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": geometry.positions,
            "model_input_names": ["input_ids", "attention_mask"],
            **special,
        },
        "special_tokens_map.json": special,
        "sentence_bert_config.json": {"max_seq_length": geometry.positions, "do_lower_case": False},
        "1_Pooling/config.json": {
            "word_embedding_dimension": geometry.hidden,
            "pooling_mode_mean_tokens": True,
            "pooling_mode_cls_token": False,
            "pooling_mode_max_tokens": False,
            "pooling_mode_mean_sqrt_len_tokens": False,
        },
        "modules.json": [
            {"idx": number, "name": str(number), "path": path, "type": kind}
            for number, (path, kind) in enumerate(_MODULES)
        ],
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
