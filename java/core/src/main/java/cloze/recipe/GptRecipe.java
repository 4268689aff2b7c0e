package cloze.recipe;

import cloze.backend.Backend;
import cloze.foreign.Foreign;
import cloze.foreign.ForeignGpt;
import cloze.model.Gpt;
import cloze.model.GptConfig;
import cloze.model.GptPlan;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.op.Heads;
import cloze.tensor.Scope;
import cloze.text.TextSettings;
import cloze.train.Cadence;
import cloze.train.Guards;
import cloze.train.Settings;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;

/** The generative pre-trained transformer on text. */
final class GptRecipe extends LanguageRecipe<GptConfig, Gpt> {
    private static final Settings SMALL = Settings.DEFAULT
            .withSteps(2000)
            .withBatch(12, 1)
            .withLearningRate(1e-3)
            .withWarmup(100)
            .withFinalRate(0.1)
            .withBeta2(0.99)
            .withWeightDecay(0.1)
            .withCadence(new Cadence(250, 500, 250, 300, false));

    private static final Settings LARGE = SMALL.withSteps(600_000)
            .withBatch(4, 128)
            .withLearningRate(6e-4)
            .withWarmup(2000)
            .withBeta2(0.95)
            .withCadence(new Cadence(1000, 1000, 1000, 300, false))
            .withGuards(Guards.skippingOutliers());

    @Override
    public String name() {
        return "gpt";
    }

    @Override
    public Class<Gpt> type() {
        return Gpt.class;
    }

    @Override
    public String title() {
        return "a GPT";
    }

    @Override
    public String about() {
        return "Trains a GPT on text.";
    }

    /** Nano trains on the text in the jar in minutes on two cores; then nanoGPT's two, then GPT-2 and GPT-3. */
    @Override
    public SequencedMap<String, Preset<GptConfig>> presets() {
        var all = new LinkedHashMap<String, Preset<GptConfig>>();
        for (String name : GptConfig.presetNames()) {
            GptConfig config = GptConfig.preset(name);
            all.put(
                    name,
                    switch (name) {
                        case "nano" ->
                            new Preset<>(
                                    config,
                                    TextSettings.DEFAULT,
                                    SMALL.withOptimizer(Settings.Algorithm.MUON)
                                            .withLearningRate(2e-3)
                                            .withGuards(Guards.skippingOutliers()));
                        case "baby" ->
                            new Preset<>(
                                    config,
                                    TextSettings.DEFAULT,
                                    SMALL.withSteps(5000).withBatch(64, 1));
                        case "nanogpt-cpu" -> new Preset<>(config, TextSettings.DEFAULT, SMALL);
                        default ->
                            new Preset<>(
                                    config, TextSettings.DEFAULT.withTokenizer("bpe:" + config.vocabulary()), LARGE);
                    });
        }
        return all;
    }

    @Override
    public Preset<GptConfig> tiny() {
        var config = new GptConfig(17, 16, 1, 32, Heads.of(2, 16), GptConfig.Style.GPT2, 0);
        return new Preset<>(config, TextSettings.DEFAULT, SMALL.withSteps(4).withBatch(2, 1));
    }

    @Override
    public Set<String> without() {
        return Set.of("start.", "settings.cadence.probe", "settings.optimization.layerDecay");
    }

    @Override
    public Gpt build(GptConfig config, ParameterSource p) {
        return new Gpt(config, p);
    }

    @Override
    public Parameters.Built<Gpt> build(Preset<GptConfig> preset, Backend backend, Scope scope) {
        Parameters.Built<Gpt> built = super.build(preset, backend, scope);
        built.model().withRecompute(preset.settings().batch().recompute());
        return built;
    }

    @Override
    protected GptConfig withVocabulary(GptConfig config, int size) {
        return config.withVocabulary(size);
    }

    @Override
    protected int vocabulary(GptConfig config) {
        return config.vocabulary();
    }

    @Override
    protected int context(GptConfig config) {
        return config.context();
    }

    @Override
    public double operations(GptConfig config) {
        return config.context() * GptPlan.of(config, 1).causalFlopPerToken();
    }

    @Override
    public String shape(GptConfig c, int batch) {
        return String.format(
                Locale.ROOT,
                "L%d D%d H%d V%d B%d T%d",
                c.layers(),
                c.width(),
                c.heads().queries(),
                c.vocabulary(),
                batch,
                c.context());
    }

    @Override
    public Map<String, Object> plan(GptConfig config, double tokens) {
        GptPlan plan = GptPlan.of(config, tokens);
        GptPlan.Optimum best = plan.chinchilla();
        Map<String, Object> facts = new LinkedHashMap<>();
        facts.put("flop_per_token", plan.flopPerToken());
        facts.put("flop_6nd", plan.flop());
        facts.put("petaflop_s_days_6nd", plan.flop() / 1e15 / 86_400);
        facts.put("flop_with_attention", plan.flopWithAttention());
        facts.put("key_value_cache_f32_bytes", plan.keyValueCache(Float.BYTES));
        facts.put("key_value_cache_bf16_bytes", plan.keyValueCache(Short.BYTES));
        facts.put("chinchilla_parameters", best.parameters());
        facts.put("chinchilla_tokens", best.tokens());
        facts.put("chinchilla_loss", best.loss());
        return facts;
    }

    @Override
    public List<Benchmark> benchmarks() {
        return List.of(
                new Benchmark("gpt2", 16, true), new Benchmark("nano", 12, false), new Benchmark("baby", 8, false));
    }

    @Override
    public List<Foreign<Gpt>> layouts() {
        return List.of(new ForeignGpt());
    }
}
