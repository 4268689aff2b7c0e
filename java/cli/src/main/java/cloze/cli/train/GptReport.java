package cloze.cli.train;

import cloze.eval.NgramBaseline;
import cloze.recipe.GptPretraining;
import cloze.train.log.TrainingEvent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** What came out of a run, beside n-gram models that have read the same text. */
record GptReport(
        List<TrainingEvent> events, Map<String, Double> metrics, NgramBaseline ngrams, double natsPerBit, Ran ran) {
    private static final int FIRST_LEVEL = 3;
    private static final int LAST_LEVEL = 6;

    /** How far and how long. */
    record Ran(long steps, double seconds) {}

    static GptReport of(GptPretraining training, List<TrainingEvent> events, TrainingEvent.Ended ended) {
        Map<String, Double> last = events.stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(event -> ((TrainingEvent.Evaluated) event).metrics())
                .reduce(Map.of(), (_, next) -> next);
        double natsPerBit = Math.log(2) * training.data().bytesPerToken();
        return new GptReport(
                events, last, NgramBaseline.of(training.data()), natsPerBit, new Ran(ended.step(), ended.seconds()));
    }

    /** The n-gram models in nats per token. */
    Map<String, Double> levels() {
        var levels = new LinkedHashMap<String, Double>();
        for (int order = FIRST_LEVEL; order <= LAST_LEVEL; order++) {
            levels.put(order + "-gram", ngrams.bitsPerByte().get(order - 1) * natsPerBit);
        }
        return levels;
    }

    private double bits() {
        return metrics.getOrDefault("val_bits_per_byte", Double.NaN);
    }

    List<String> lines() {
        int beaten = ngrams.beaten(bits());
        return List.of(
                String.format(
                        Locale.ROOT,
                        "held-out text: %.4f nats a token, %.4f bits a byte",
                        metrics.getOrDefault(TrainingView.VALIDATION, Double.NaN),
                        bits()),
                ngrams.toString(),
                beaten == 0
                        ? "no n-gram model is beaten"
                        : "n-gram models up to order %d are beaten".formatted(beaten));
    }

    Map<String, Object> facts() {
        var facts = new LinkedHashMap<String, Object>();
        facts.put("steps", ran.steps());
        facts.put("seconds", ran.seconds());
        facts.putAll(metrics);
        facts.put("ngram_bits_per_byte", ngrams.bitsPerByte());
        facts.put("ngram_order_beaten", ngrams.beaten(bits()));
        return facts;
    }
}
