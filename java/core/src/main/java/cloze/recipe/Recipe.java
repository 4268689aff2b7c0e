package cloze.recipe;

import cloze.backend.Backend;
import cloze.foreign.Companions;
import cloze.foreign.Foreign;
import cloze.nn.ParameterSource;
import cloze.nn.Parameters;
import cloze.tensor.Scope;
import cloze.train.Objective;
import cloze.train.Settings;
import cloze.train.TrainingConfig;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.SequencedMap;
import java.util.Set;

/**
 * A system as one description: building, training, evaluating, storing and exchanging its model. The command, run
 * folders, memory estimates, plans, benchmarks and the contract test read it. A recipe has no state and is thread-safe.
 *
 * @param <C> config of the model: a record that is stored as JSON
 * @param <M> the model
 */
public interface Recipe<C extends Record, M> {
    /**
     * A training step that is measured: a preset at a batch size.
     *
     * @param large true for a large GPU, false for a few cores
     */
    record Benchmark(String preset, int batch, boolean large) {}

    /** The name in commands and in {@code config.json}, such as {@code gpt}. */
    String name();

    /** A description in a few words, such as {@code a GPT}. */
    String title();

    /** A sentence for the help. */
    String about();

    /**
     * True if a run needs the checkpoint of another run, as in fine-tuning; false if it begins with random weights.
     */
    default boolean startsFromCheckpoint() {
        return false;
    }

    /** Models with their data and settings by name, the default first. */
    SequencedMap<String, Preset<C>> presets();

    /** The default preset. */
    default Preset<C> preset() {
        return presets().firstEntry().getValue();
    }

    /** A tiny model and a few steps, for quick tests. */
    Preset<C> tiny();

    /**
     * Paths of settings that do not apply, such as {@code settings.length.tokens}; a prefix covers all settings below
     * it.
     */
    default Set<String> without() {
        return Set.of();
    }

    /** The class of the model. */
    Class<M> type();

    /**
     * Parts of the model besides its weights, such as a tokenizer.
     *
     * @param folder of a run
     */
    Companions companions(Preset<C> preset, Path folder) throws IOException;

    /** Builds the model; may be called without memory behind the parameters. */
    M build(C config, ParameterSource p);

    /** The model with initial values, as a run of these settings begins. */
    default Parameters.Built<M> build(Preset<C> preset, Backend backend, Scope scope) {
        return Parameters.build(backend, scope, preset.settings().seed(), p -> build(preset.model(), p));
    }

    /**
     * Opens the data of a run, and fits the preset to them: vocabulary, channels, classes, steps of an epoch.
     *
     * @throws IOException if the data are missing, broken or of the wrong kind
     */
    Prepared<C, M> open(Preset<C> chosen, Opening opening) throws IOException;

    /** The loss on random data, for measurements and estimates. */
    Objective random(Parameters.Built<M> model, Preset<C> preset, long seed);

    /** The plan of the loop for a preset whose length is in steps. */
    default TrainingConfig training(Preset<C> preset) {
        Settings settings = preset.settings();
        return settings.training();
    }

    /**
     * FLOPs of a training step for one example, two for each multiply-add: matrix multiplications and attention,
     * forward and backward. Recomputation is not counted.
     */
    double operations(C config);

    /** Sizes of the model and a batch in letters, for tables: {@code L12 D768 H12 V50257 B16 T1024}. */
    String shape(C config, int batch);

    /** The presets whose training steps are measured; the tiny one always is. */
    default List<Benchmark> benchmarks() {
        return List.of();
    }

    /** Tokens of an example, or 0 if examples are no rows of tokens. */
    default long tokens(C config) {
        return 0;
    }

    /**
     * More facts for a plan, besides parameters, operations and memory.
     *
     * @param tokens of the training
     */
    default Map<String, Object> plan(C config, double tokens) {
        return new LinkedHashMap<>();
    }

    /** Foreign layouts in which the model can be read or written, the default first. */
    default List<Foreign<M>> layouts() {
        return List.of();
    }
}
