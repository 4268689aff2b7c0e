package cloze.foreign;

import cloze.backend.Backend;
import cloze.checkpoint.CheckpointException;
import cloze.checkpoint.ConfigJson;
import cloze.checkpoint.Safetensors;
import cloze.foreign.Layout.Mapping;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.nn.Mlp;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.text.token.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;

/**
 * {@code LlamaForCausalLM} of Hugging Face with a tied head: rotary positions, RMSNorm, SwiGLU, no biases. The width of
 * the MLP must be that of {@link Mlp.Kind#SWIGLU}.
 *
 * @see <a href="https://arxiv.org/abs/2302.13971">Touvron et al. 2023</a>
 */
public final class Llama implements Foreign<Gpt> {
    private static final String TYPE = "llama";
    private static final double EPSILON = 1e-5; // GptConfig.EPSILON as it is written

    /** Stateless. */
    public Llama() {}

    @Override
    public String word() {
        return "huggingface";
    }

    @Override
    public boolean recognises(ConfigJson config) throws CheckpointException {
        return config.text("model_type", "").equals(TYPE);
    }

    /** Sizes in a {@code config.json}; an absent key has the value that Hugging Face gives it. */
    public static GptConfig config(Path folder) throws IOException {
        ConfigJson json = ConfigJson.read(folder);
        json.requireText("model_type", "", List.of(TYPE));
        json.requireText("hidden_act", "silu", List.of("silu"));
        json.requireFlag("tie_word_embeddings", false, true);
        json.requireFlag("attention_bias", false, false);
        json.requireFlag("mlp_bias", false, false);
        json.requireNumber("rms_norm_eps", 1e-6, EPSILON, "that of every GPT here");
        requireRotations(json);
        int width = json.whole("hidden_size", 4096);
        int queries = json.whole("num_attention_heads", 32);
        try {
            if (queries <= 0) {
                throw new CheckpointException(
                        json.file(), json.place("num_attention_heads"), "1 or more", "" + queries);
            }
            int keyValues = json.whole("num_key_value_heads", queries);
            var heads = new Heads(queries, keyValues, json.whole("head_dim", width / queries));
            var config = new GptConfig(
                    json.whole("vocab_size", 32_000),
                    json.whole("max_position_embeddings", 2048),
                    json.whole("num_hidden_layers", 32),
                    width,
                    heads,
                    GptConfig.Style.MODERN,
                    (float) json.number("attention_dropout", 0));
            json.requireNumber(
                    "intermediate_size", 11_008, Mlp.Kind.SWIGLU.hidden(width), "8/3 hidden_size in steps of 32");
            return config;
        } catch (IllegalArgumentException e) {
            throw new CheckpointException(json.file(), "" + e.getMessage());
        }
    }

    /** Transformers 5 moves what turns positions into an object of its own. */
    private static void requireRotations(ConfigJson json) throws CheckpointException {
        ConfigJson scaling = json.object("rope_scaling");
        ConfigJson parameters = json.object("rope_parameters");
        for (ConfigJson each : List.of(scaling, parameters)) {
            each.requireText("rope_type", "default", List.of("default"));
            each.requireNumber("rope_theta", GptConfig.THETA, GptConfig.THETA, "that of every GPT here");
        }
        json.requireNumber("rope_theta", GptConfig.THETA, GptConfig.THETA, "that of every GPT here");
    }

    /** Names and forms of the parameters. */
    static Layout layout(GptConfig c) {
        List<Mapping> mappings = new ArrayList<>();
        same(mappings, "model.embed_tokens", "wte");
        int groups = c.heads().queries();
        int shared = c.heads().keyValues();
        int all = groups + 2 * shared;
        for (int i = 0; i < c.layers(); i++) {
            String file = "model.layers." + i + ".";
            String ours = "h." + i + ".";
            same(mappings, file + "input_layernorm", ours + "ln_1");
            part(mappings, file + "self_attn.q_proj", ours + "attn.c_attn", new TensorForm.Band(0, groups, all));
            part(mappings, file + "self_attn.k_proj", ours + "attn.c_attn", new TensorForm.Band(groups, shared, all));
            var values = new TensorForm.Band(groups + shared, shared, all);
            part(mappings, file + "self_attn.v_proj", ours + "attn.c_attn", values);
            same(mappings, file + "self_attn.o_proj", ours + "attn.c_proj");
            same(mappings, file + "post_attention_layernorm", ours + "ln_2");
            part(mappings, file + "mlp.gate_proj", ours + "mlp.c_fc", new TensorForm.Band(0, 2));
            part(mappings, file + "mlp.up_proj", ours + "mlp.c_fc", new TensorForm.Band(1, 2));
            same(mappings, file + "mlp.down_proj", ours + "mlp.c_proj");
        }
        same(mappings, "model.norm", "ln_f");
        Map<String, String> ties = Map.of("lm_head.weight", "model.embed_tokens.weight");
        return new Layout(mappings, "", ties, name -> name.endsWith(".rotary_emb.inv_freq"));
    }

    private static void same(List<Mapping> mappings, String file, String ours) {
        part(mappings, file, ours, new TensorForm.Same());
    }

    private static void part(List<Mapping> mappings, String file, String ours, TensorForm form) {
        mappings.add(new Mapping(file + ".weight", ours + ".weight", form));
    }

    @Override
    public Parameters.Built<Gpt> load(Path folder, Backend backend, Scope scope) throws IOException {
        GptConfig config = config(folder);
        try (var file = Safetensors.open(folder)) {
            return HostParameters.load(file, layout(config), backend, scope, p -> new Gpt(config, p));
        }
    }

    @Override
    public Companions companions(Path folder) throws IOException {
        return Companions.of(Tokenizer.load(folder), ConfigJson.read(folder));
    }

    @Override
    public List<String> save(Path folder, Parameters.Built<Gpt> model, Companions companions, Backend backend)
            throws IOException {
        GptConfig c = model.model().config();
        if (!c.style().equals(GptConfig.Style.MODERN)) {
            throw new IllegalArgumentException(String.format(
                    Locale.ROOT, "only a model of Llama's make has its layout: %s is not one", c.style()));
        }
        Tokenizer tokenizer = Objects.requireNonNull(companions.tokenizer(), "a language model has a tokenizer");
        ConfigJson.write(folder, json(c, companions));
        HostParameters.write(folder, layout(c), model.parameters(), backend);
        tokenizer.save(folder.resolve("tokenizer.json"));
        return List.of("config.json", "model.safetensors", "tokenizer.json");
    }

    private static Map<String, Object> json(GptConfig c, Companions companions) {
        var json = new LinkedHashMap<String, Object>();
        json.put("architectures", List.of("LlamaForCausalLM"));
        json.put("model_type", TYPE);
        json.put("vocab_size", c.vocabulary());
        json.put("max_position_embeddings", c.context());
        json.put("num_hidden_layers", c.layers());
        json.put("hidden_size", c.width());
        json.put("intermediate_size", c.style().mlp().hidden(c.width()));
        json.put("num_attention_heads", c.heads().queries());
        json.put("num_key_value_heads", c.heads().keyValues());
        json.put("head_dim", c.heads().width());
        json.put("hidden_act", "silu");
        json.put("rms_norm_eps", EPSILON);
        json.put("rope_theta", GptConfig.THETA);
        json.put("attention_bias", false);
        json.put("mlp_bias", false);
        json.put("attention_dropout", c.dropout());
        json.put("tie_word_embeddings", true);
        json.putAll(companions.ends());
        json.put("torch_dtype", "float32");
        return json;
    }
}
