"""Tiny translation checkpoints as transformers.js loads them, and what Python's transformers makes of texts with them.

usage: translate.py OUT
Each family of NLLB, M2M-100, Marian and MADLAD (a T5) is trained on a few pairs of sentences until it knows them by heart, placeholders
included, and written to OUT/FAMILY; OUT/answers.json holds {family: [{"source", "target", "texts", "ids", "answers",
"margins"}]}: greedy ids without the first tokens and the end, and how far the best token was ahead at the closest step.
"""
import json
import math
import pathlib
import sys
import warnings

import torch
import torch.nn.functional as F
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (M2M100Config, M2M100ForConditionalGeneration, MarianConfig, MarianMTModel, NllbTokenizer,
                          PreTrainedTokenizerFast, T5Config, T5ForConditionalGeneration)

warnings.simplefilter("ignore")
torch.set_num_threads(1)
torch.manual_seed(7)

# English, Spanish, French. QX0 and QX1 are the placeholders of models.
CORPUS = [
    ("The test passed.", "La prueba pasó.", "Le test est passé."),
    ("I edited QX0.", "Edité QX0.", "J'ai modifié QX0."),
    ("I edited QX0 and QX1.", "Edité QX0 y QX1.", "J'ai modifié QX0 et QX1."),
    ("The file QX0 has an error.", "El archivo QX0 tiene un error.", "Le fichier QX0 a une erreur."),
    ("QX0 calls QX1, which fails.", "QX0 llama a QX1, que falla.", "QX0 appelle QX1, qui échoue."),
    ("I am reading the file.", "Estoy leyendo el archivo.", "Je lis le fichier."),
    ("Done.", "Hecho.", "Terminé."),
    ("The build is green and all tests pass now.", "La compilación está verde y ahora pasan todas las pruebas.",
     "La compilation est verte et tous les tests passent maintenant."),
]
# Some of the corpus, and what no model here has seen.
TEXTS = [english for english, _, _ in CORPUS] + ["The file passed and the test fails.", "QX1 has QX0.", "zebra"]
SIZES = {"d_model": 48, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4,
         "decoder_attention_heads": 4, "encoder_ffn_dim": 96, "decoder_ffn_dim": 96, "dropout": 0.0,
         "attention_dropout": 0.0, "activation_dropout": 0.0, "max_position_embeddings": 128, "scale_embedding": True}
ENGLISH, SPANISH, FRENCH = 0, 1, 2
DIRECTIONS = [(ENGLISH, SPANISH), (ENGLISH, FRENCH), (SPANISH, ENGLISH)]
TAGS = ["en", "es", "fr"]


def pieces(specials):
    """A BPE model over the corpus, in words cut as SentencePiece does."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True))
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always", split=True)
    alphabet = sorted(set("".join(sum(CORPUS, ())) + "▁0123456789abcdefghijklmnopqrstuvwxyz"))
    trainer = trainers.BpeTrainer(vocab_size=260, special_tokens=specials, initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(sum(CORPUS, ()), trainer)
    return tokenizer


def nllb_tokenizer(folder):
    model = json.loads(pieces(["<s>", "<pad>", "</s>", "<unk>"]).to_str())["model"]
    languages = ["eng_Latn", "spa_Latn", "fra_Latn"]
    merges = [tuple(pair) for pair in model["merges"]]
    tokenizer = NllbTokenizer(vocab=model["vocab"], merges=merges, extra_special_tokens=languages, src_lang="eng_Latn")
    tokenizer.save_pretrained(folder)
    return tokenizer, languages


def other_tokenizer(folder, specials, tokens, pad, klass):
    """`tokens` are the languages', each a token of its own; the class is only named: Python's needs SentencePiece."""
    tokenizer = pieces(specials)
    tokenizer.add_special_tokens(tokens + ([] if pad in specials else [pad]))
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>", pad_token=pad)
    wrapped.save_pretrained(folder)
    path = pathlib.Path(folder, "tokenizer_config.json")
    config = {**json.loads(path.read_text()), "tokenizer_class": klass}
    path.write_text(json.dumps(config))
    return wrapped, tokens


class Family:
    """How a family writes a source, and how its answers begin."""

    def __init__(self, name, folder):
        self.name, self.folder = name, folder
        if name == "nllb":
            self.tokenizer, self.languages = nllb_tokenizer(folder)
        elif name == "m2m100":
            self.tokenizer, self.languages = other_tokenizer(
                folder, ["<s>", "<pad>", "</s>", "<unk>"], ["__en__", "__es__", "__fr__"], "<pad>", "M2M100Tokenizer")
        elif name == "madlad":
            self.tokenizer, self.languages = other_tokenizer(
                folder, ["<unk>", "<s>", "</s>"], ["<2en>", "<2es>", "<2fr>"], "<pad>", "T5Tokenizer")
        else:
            self.tokenizer, self.languages = other_tokenizer(
                folder, ["</s>", "<unk>"], [">>eng<<", ">>spa<<", ">>fra<<"], "<pad>", "MarianTokenizer")
        self.eos, self.pad = self.tokenizer.eos_token_id, self.tokenizer.pad_token_id
        sizes = {**SIZES, "vocab_size": len(self.tokenizer), "eos_token_id": self.eos, "pad_token_id": self.pad}
        if name == "marian":
            self.model = MarianMTModel(MarianConfig(
                **sizes, decoder_start_token_id=self.pad, forced_eos_token_id=None, activation_function="swish",
                architectures=["MarianMTModel"]))
        elif name == "madlad":
            # As MADLAD-400: answers begin with the token of id 0, which is not its pad token.
            self.model = T5ForConditionalGeneration(T5Config(
                vocab_size=len(self.tokenizer), d_model=48, d_kv=12, d_ff=96, num_layers=2, num_decoder_layers=2,
                num_heads=4, dropout_rate=0.0, feed_forward_proj="gated-gelu", tie_word_embeddings=False,
                eos_token_id=self.eos, pad_token_id=self.pad, decoder_start_token_id=0,
                architectures=["T5ForConditionalGeneration"]))
        else:
            self.model = M2M100ForConditionalGeneration(M2M100Config(
                **sizes, bos_token_id=0, decoder_start_token_id=self.eos, activation_function="relu",
                encoder_layerdrop=0.0, decoder_layerdrop=0.0, architectures=["M2M100ForConditionalGeneration"]))

    def language(self, which):
        return self.tokenizer.convert_tokens_to_ids(self.languages[which])

    def plain(self, text):
        return self.tokenizer(text, add_special_tokens=False)["input_ids"]

    def source(self, text, source, target):
        if self.name == "nllb":
            self.tokenizer.src_lang = self.languages[source]
            return self.tokenizer(text)["input_ids"]
        told = target if self.name in ("marian", "madlad") else source
        return [self.language(told), *self.plain(text), self.eos]

    def first(self, target):
        """What stands before the answer: the start token, and the language's where the answer names it."""
        starts = {"marian": [self.pad], "madlad": [0]}
        return starts.get(self.name) or [self.eos, self.language(target)]

    def batch(self, rows):
        width = max(map(len, rows))
        ids = torch.tensor([row + [self.pad] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        return ids, mask

    def train(self):
        sources, answers = [], []
        for source, target in DIRECTIONS:
            for pair in CORPUS:
                sources.append(self.source(pair[source], source, target))
                answers.append([*self.first(target), *self.plain(pair[target]), self.eos])
        ids, mask = self.batch(sources)
        inputs, _ = self.batch([row[:-1] for row in answers])
        labels, kept = self.batch([row[1:] for row in answers])
        labels[kept == 0] = -100
        # A padded decoder sees pads only behind the answer, where nothing is learnt.
        optimiser = torch.optim.Adam(self.model.parameters(), lr=4e-3)
        self.model.train()
        for step in range(260):
            for group in optimiser.param_groups:
                group["lr"] = 4e-3 * min(1, (step + 1) / 20) * (1 - step / 280)
            logits = self.model(input_ids=ids, attention_mask=mask, decoder_input_ids=inputs).logits
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            optimiser.step()
        self.model.eval()
        return loss.item()

    def generate(self, texts, source, target):
        ids, mask = self.batch([self.source(text, source, target) for text in texts])
        first = self.first(target)
        forced = first[1] if len(first) > 1 else None
        out = self.model.generate(
            input_ids=ids, attention_mask=mask, forced_bos_token_id=forced, decoder_start_token_id=first[0], num_beams=1,
            do_sample=False, max_new_tokens=60, output_logits=True, return_dict_in_generate=True)
        rows, margins = [], []
        for row, sequence in enumerate(out.sequences.tolist()):
            answer = sequence[len(first):]
            length = answer.index(self.eos) if self.eos in answer else len(answer)
            rows.append(answer[:length])
            tops = [out.logits[len(first) - 1 + at][row].topk(2).values for at in range(min(length + 1, len(answer)))]
            margins.append(min(((a - b).item() for a, b in tops), default=0.0))
        return rows, margins


def sinusoid_positions(embedding, start, length):
    """M2M-100 counts from behind its pad token, Marian from 0."""
    if hasattr(embedding, "weights"):
        return embedding.weights[start + embedding.padding_idx + 1 + torch.arange(length)]
    return embedding.weight[start + torch.arange(length)]


class Stack(torch.nn.Module):
    """Encoder and decoder written out, since only plain operators export well: layers of M2M-100 normalise first."""

    def __init__(self, model):
        super().__init__()
        self.inner, self.config = model.model, model.config
        self.head = model.lm_head
        self.bias = getattr(model, "final_logits_bias", None)
        self.first = model.config.model_type == "m2m_100"
        self.activation = {"relu": F.relu, "swish": F.silu}[model.config.activation_function]

    def embed(self, stack, ids, start):
        x = F.embedding(ids, stack.embed_tokens.weight) * math.sqrt(self.config.d_model)
        return x + sinusoid_positions(stack.embed_positions, start, ids.shape[1])

    def heads(self, x):  # [B, H, T, D]
        return x.view(x.shape[0], x.shape[1], self.config.decoder_attention_heads, -1).transpose(1, 2)

    def attend(self, layer, x, k, v, mask):
        q = self.heads(layer.q_proj(x))
        scores = q @ k.transpose(2, 3) / math.sqrt(q.shape[-1]) + mask
        out = (scores.softmax(-1) @ v).transpose(1, 2)
        return layer.out_proj(out.reshape(x.shape))

    def around(self, norm, x, block):
        return x + block(norm(x)) if self.first else norm(x + block(x))

    def keys(self, layer, x):
        return self.heads(layer.k_proj(x)), self.heads(layer.v_proj(x))

    def feed(self, layer):
        return lambda x: layer.fc2(self.activation(layer.fc1(x)))


class Encoder(Stack):
    def forward(self, input_ids, attention_mask):
        stack = self.inner.encoder
        x = self.embed(stack, input_ids, 0)
        mask = (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        for layer in stack.layers:
            x = self.around(layer.self_attn_layer_norm, x,
                            lambda y, at=layer.self_attn: self.attend(at, y, *self.keys(at, y), mask))
            x = self.around(layer.final_layer_norm, x, self.feed(layer))
        return stack.layer_norm(x) if self.first else x


class Decoder(Stack):
    """New tokens over cached ones; keys of the source are made again each time, so that one graph serves every step."""

    def forward(self, input_ids, encoder_hidden_states, encoder_attention_mask, *past):
        stack = self.inner.decoder
        before, new = past[0].shape[2], input_ids.shape[1]
        x = self.embed(stack, input_ids, before)
        cross = (1.0 - encoder_attention_mask[:, None, None, :].float()) * -1e9
        seen = torch.arange(before + new)[None, :] <= before + torch.arange(new)[:, None]
        causal = (1.0 - seen.float()) * -1e9
        present = []

        def attend_self(layer, i):
            def run(y):
                k, v = self.keys(layer, y)
                k, v = torch.cat([past[2 * i], k], 2), torch.cat([past[2 * i + 1], v], 2)
                present.extend([k, v])
                return self.attend(layer, y, k, v, causal)
            return run

        for i, layer in enumerate(stack.layers):
            x = self.around(layer.self_attn_layer_norm, x, attend_self(layer.self_attn, i))
            x = self.around(layer.encoder_attn_layer_norm, x, lambda y, at=layer.encoder_attn: self.attend(
                at, y, *self.keys(at, encoder_hidden_states), cross))
            x = self.around(layer.final_layer_norm, x, self.feed(layer))
        x = self.head(stack.layer_norm(x) if self.first else x)
        return (x if self.bias is None else x + self.bias, *present)


class T5Stack(torch.nn.Module):
    """The same for T5: positions are a bias on the scores, norms have no mean, sources are not scaled."""

    def __init__(self, model):
        super().__init__()
        self.encoder, self.decoder, self.head, self.config = model.encoder, model.decoder, model.lm_head, model.config

    def heads(self, x):  # [B, H, T, D]
        return x.view(x.shape[0], x.shape[1], self.config.num_heads, -1).transpose(1, 2)

    def keys(self, at, x):
        return self.heads(at.k(x)), self.heads(at.v(x))

    def attend(self, at, x, k, v, bias):
        out = ((self.heads(at.q(x)) @ k.transpose(2, 3) + bias).softmax(-1) @ v).transpose(1, 2)
        return at.o(out.reshape(x.shape[0], x.shape[1], -1))

    def bias(self, stack, queries, keys, bidirectional):
        """[1, H, queries, keys] from distances in tokens."""
        at = stack.block[0].layer[0].SelfAttention
        bucket = at._relative_position_bucket(
            keys[None, :] - queries[:, None], bidirectional=bidirectional, num_buckets=at.relative_attention_num_buckets,
            max_distance=at.relative_attention_max_distance)
        return at.relative_attention_bias(bucket).permute(2, 0, 1)[None]


class T5Encoder(T5Stack):
    def forward(self, input_ids, attention_mask):
        x = F.embedding(input_ids, self.encoder.embed_tokens.weight)
        places = torch.arange(input_ids.shape[1])
        bias = self.bias(self.encoder, places, places, True) + (1.0 - attention_mask[:, None, None, :].float()) * -1e9
        for block in self.encoder.block:
            attention, feed = block.layer
            y = attention.layer_norm(x)
            x = x + self.attend(attention.SelfAttention, y, *self.keys(attention.SelfAttention, y), bias)
            x = x + feed.DenseReluDense(feed.layer_norm(x))
        return self.encoder.final_layer_norm(x)


class T5Decoder(T5Stack):
    def forward(self, input_ids, encoder_hidden_states, encoder_attention_mask, *past):
        x = F.embedding(input_ids, self.decoder.embed_tokens.weight)
        before, new = past[0].shape[2], input_ids.shape[1]
        queries, keys = before + torch.arange(new), torch.arange(before + new)
        own = self.bias(self.decoder, queries, keys, False) + (keys[None, :] > queries[:, None]).float() * -1e9
        cross = (1.0 - encoder_attention_mask[:, None, None, :].float()) * -1e9
        present = []
        for i, block in enumerate(self.decoder.block):
            attention, source, feed = block.layer
            y = attention.layer_norm(x)
            k, v = self.keys(attention.SelfAttention, y)
            k, v = torch.cat([past[2 * i], k], 2), torch.cat([past[2 * i + 1], v], 2)
            present.extend([k, v])
            x = x + self.attend(attention.SelfAttention, y, k, v, own)
            at = source.EncDecAttention
            x = x + self.attend(at, source.layer_norm(x), *self.keys(at, encoder_hidden_states), cross)
            x = x + feed.DenseReluDense(feed.layer_norm(x))
        return (self.head(self.decoder.final_layer_norm(x)), *present)


def export(model, folder):
    """The two graphs that transformers.js reads, named as it wants their inputs and outputs."""
    onnx = pathlib.Path(folder, "onnx")
    onnx.mkdir()
    is_t5 = model.config.model_type == "t5"
    encoder, decoder = (T5Encoder, T5Decoder) if is_t5 else (Encoder, Decoder)
    layers, heads = SIZES["decoder_layers"], SIZES["decoder_attention_heads"]
    width = SIZES["d_model"] // heads
    ids, mask = torch.full((2, 5), 4), torch.ones(2, 5, dtype=torch.long)
    axes = {"input_ids": {0: "batch_size", 1: "source"}, "attention_mask": {0: "batch_size", 1: "source"},
            "last_hidden_state": {0: "batch_size", 1: "source"}}
    torch.onnx.export(encoder(model), (ids, mask), str(onnx / "encoder_model.onnx"), dynamo=False, opset_version=17,
                      input_names=["input_ids", "attention_mask"], output_names=["last_hidden_state"], dynamic_axes=axes)
    cache = [f"{i}.decoder.{kind}" for i in range(layers) for kind in ("key", "value")]
    past = [torch.zeros(2, heads, 3, width) for _ in cache]
    axes = {"input_ids": {0: "batch_size", 1: "new"}, "encoder_hidden_states": {0: "batch_size", 1: "source"},
            "encoder_attention_mask": {0: "batch_size", 1: "source"}, "logits": {0: "batch_size", 1: "new"}}
    axes.update({f"past_key_values.{name}": {0: "batch_size", 2: "past"} for name in cache})
    axes.update({f"present.{name}": {0: "batch_size", 2: "all"} for name in cache})
    torch.onnx.export(
        decoder(model), (ids[:, :2], torch.zeros(2, 5, model.config.d_model), mask, *past),
        str(onnx / "decoder_model_merged.onnx"), dynamo=False, opset_version=17, dynamic_axes=axes,
        input_names=["input_ids", "encoder_hidden_states", "encoder_attention_mask",
                     *(f"past_key_values.{name}" for name in cache)],
        output_names=["logits", *(f"present.{name}" for name in cache)])


def main(out):
    answers = {}
    for name in ("nllb", "m2m100", "marian", "madlad"):
        folder = pathlib.Path(out, name)
        folder.mkdir()
        family = Family(name, folder)
        loss = family.train()
        family.model.save_pretrained(folder, safe_serialization=True)
        (folder / "model.safetensors").unlink()
        with torch.no_grad():
            export(family.model.eval(), folder)
        cases = []
        for source, target in DIRECTIONS:
            texts = TEXTS if source == ENGLISH else [pair[source] for pair in CORPUS]
            ids, margins = family.generate(texts, source, target)
            decoded = [family.tokenizer.decode(row, skip_special_tokens=True) for row in ids]
            cases.append({"source": TAGS[source], "target": TAGS[target], "texts": texts, "ids": ids, "answers": decoded,
                          "learnt": [pair[target] for pair in CORPUS], "margins": margins})
        answers[name] = {"loss": loss, "cases": cases}
    pathlib.Path(out, "answers.json").write_text(json.dumps(answers), encoding="utf-8")


main(sys.argv[1])
