package cloze.recipe;

import cloze.backend.Backend;
import cloze.checkpoint.RunIdentity;
import cloze.eval.HeldOut;
import cloze.eval.NgramBaseline;
import cloze.foreign.Companions;
import cloze.generate.Generation;
import cloze.generate.Sampling;
import cloze.generate.TextBounds;
import cloze.model.CausalModel;
import cloze.nn.Parameters;
import cloze.task.NextToken;
import cloze.text.TextData;
import cloze.text.TextSettings;
import cloze.text.TokenBatches;
import cloze.text.Tokens;
import cloze.text.token.Tokenizer;
import cloze.train.Evaluation;
import cloze.train.Objective;
import cloze.train.Preview;
import cloze.train.log.TrainingEvent;
import java.io.IOException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SplittableRandom;

/** A recipe for language models that predict the next token of a text. */
public abstract class LanguageRecipe<C extends Record, M extends CausalModel> implements Recipe<C, M> {
    private static final String TOKENIZER = "tokenizer.json";

    private static final int RANDOM_BATCHES = 4; // of random tokens, after which they begin again
    private static final int EVALUATED_TOKENS = 8192; // at a time
    private static final int EVALUATED_ROWS = 64;
    private static final int SAMPLED = 120; // tokens
    private static final int FIRST_LEVEL = 3; // orders of n-grams that are drawn
    private static final int LAST_LEVEL = 6;
    private static final int FEWEST_PREDICTIONS = 1000; // from which models are compared

    /** Stateless. */
    protected LanguageRecipe() {}

    /** The config for a vocabulary of so many tokens. */
    protected abstract C withVocabulary(C config, int size);

    protected abstract int vocabulary(C config);

    /** T, the tokens of an example. */
    protected abstract int context(C config);

    @Override
    public Companions companions(Preset<C> preset, Path folder) throws IOException {
        return Companions.of(Tokenizer.load(folder.resolve(TOKENIZER)));
    }

    @Override
    public long tokens(C config) {
        return context(config);
    }

    @Override
    public Prepared<C, M> open(Preset<C> chosen, Opening opening) throws IOException {
        var text = (TextSettings) chosen.data();
        Path run = opening.run();
        TextData data = run == null
                ? TextData.prepare(text, opening.cache(), opening.progress())
                : TextData.prepare(text, Tokenizer.load(run.resolve(TOKENIZER)), opening.cache(), opening.progress());
        C config = withVocabulary(chosen.model(), data.tokenizer().vocabularySize());
        long windows = Math.max(1, (data.train().count() - context(config)) / context(config));
        return new OnText(
                chosen.withModel(config).withSettings(chosen.settings().inSteps(windows, context(config))), data);
    }

    private NextToken objective(Parameters.Built<M> model, Preset<C> preset, Tokens tokens, long seed) {
        int batch = preset.settings().batch().size();
        int time = context(preset.model());
        return new NextToken(model, new TokenBatches(tokens, batch, time, seed), batch, time);
    }

    @Override
    public Objective random(Parameters.Built<M> model, Preset<C> preset, long seed) {
        long count = (long) RANDOM_BATCHES * preset.settings().batch().size() * context(preset.model()) + 1;
        int[] ids = new SplittableRandom(seed)
                .ints(count, 0, vocabulary(preset.model()))
                .toArray();
        return objective(model, preset, Tokens.of(ids), seed);
    }

    /** A run's text. */
    private final class OnText implements Prepared<C, M> {
        private final Preset<C> preset;
        private final TextData data;

        OnText(Preset<C> preset, TextData data) {
            this.preset = preset;
            this.data = data;
        }

        @Override
        public Preset<C> preset() {
            return preset;
        }

        @Override
        public String describe() {
            return data.toString();
        }

        @Override
        public Map<String, String> identity() {
            var facts = new LinkedHashMap<String, String>();
            facts.put(RunIdentity.TOKENIZER, data.tokenizer().fingerprint());
            facts.put("tokens to train on", "" + data.train().count());
            facts.put("tokens held out", "" + data.heldOut().count());
            facts.put("checksum of the text to train on", Tokens.checksum(data.train()));
            facts.put("checksum of the text held out", Tokens.checksum(data.heldOut()));
            return facts;
        }

        @Override
        public void save(Path folder) throws IOException {
            data.tokenizer().save(folder.resolve(TOKENIZER));
        }

        @Override
        public Objective objective(Parameters.Built<M> model) {
            return LanguageRecipe.this.objective(
                    model, preset, data.train(), preset.settings().seed());
        }

        @Override
        public Evaluation evaluation(Parameters.Built<M> model, Backend backend) {
            int time = context(preset.model());
            int rows = Math.max(1, Math.min(EVALUATED_ROWS, EVALUATED_TOKENS / time));
            return new HeldOut(backend, model.model(), data.heldOut(), data.bytesPerToken(), rows, time);
        }

        @Override
        public Preview preview(Parameters.Built<M> model, Backend backend, Path folder) {
            return step -> {
                var text = new StringBuilder();
                Sampling sampling = Sampling.DEFAULT.withTokens(SAMPLED).withSeed(step);
                Tokenizer tokenizer = data.tokenizer();
                TextBounds bounds = TextBounds.of(tokenizer);
                List<int[]> prompts = List.of(new int[] {bounds.start()});
                new Generation(backend, model.model(), tokenizer, bounds, sampling, prompts, (_, t) -> text.append(t))
                        .run();
                return text.toString();
            };
        }

        @Override
        public Summary summary(Parameters.Built<M> model, Backend backend, List<TrainingEvent> events) {
            NgramBaseline ngrams = NgramBaseline.of(data);
            double natsPerBit = Math.log(2) * data.bytesPerToken();
            var levels = new LinkedHashMap<String, Double>();
            for (int order = FIRST_LEVEL; order <= LAST_LEVEL; order++) {
                levels.put(order + "-gram", ngrams.bitsPerByte().get(order - 1) * natsPerBit);
            }
            Map<String, Double> metrics = Summary.metrics(events);
            double bits = metrics.getOrDefault(HeldOut.BITS_PER_BYTE, Double.NaN);
            long predictions = data.heldOut().count() - 1;
            boolean enough = predictions >= FEWEST_PREDICTIONS;
            int beaten = ngrams.beaten(bits);
            String comparison = !enough
                    ? String.format(
                            Locale.ROOT,
                            "%,d predictions on held-out text are too few to compare with n-gram models: it takes %,d",
                            predictions,
                            FEWEST_PREDICTIONS)
                    : beaten == 0
                            ? "no n-gram model is beaten"
                            : String.format(Locale.ROOT, "n-gram models up to order %d are beaten", beaten);
            List<String> lines = List.of(
                    String.format(
                            Locale.ROOT,
                            "held-out text: %.4f nats a token, %.4f bits a byte",
                            metrics.getOrDefault(HeldOut.LOSS, Double.NaN),
                            bits),
                    ngrams.toString(),
                    comparison);
            Map<String, Object> facts = Summary.facts(events);
            facts.put("ngram_bits_per_byte", ngrams.bitsPerByte());
            facts.put("held_out_predictions", predictions);
            if (enough) {
                facts.put("ngram_order_beaten", beaten);
            }
            return new Summary("nats per token", levels, lines, facts);
        }

        @Override
        public void close() {
            // tokens are mapped, and unmapped with the last reference to them
        }
    }
}
