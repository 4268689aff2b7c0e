package cloze.recipe;

import cloze.train.log.TrainingEvent;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The results of a run.
 *
 * @param loss name and unit of the loss, for a plot
 * @param baselines losses of baselines by name, in the same unit
 * @param lines for people
 * @param facts for programs
 */
public record Summary(String loss, Map<String, Double> baselines, List<String> lines, Map<String, Object> facts) {
    /** The metrics of the last evaluation; none if there was none. */
    static Map<String, Double> metrics(List<TrainingEvent> events) {
        return events.stream()
                .filter(TrainingEvent.Evaluated.class::isInstance)
                .map(event -> ((TrainingEvent.Evaluated) event).metrics())
                .reduce(Map.of(), (_, next) -> next);
    }

    /** Steps, seconds and the metrics of the last evaluation. */
    static Map<String, Object> facts(List<TrainingEvent> events) {
        var facts = new LinkedHashMap<String, Object>();
        if (!events.isEmpty()) {
            facts.put("steps", events.getLast().step());
            facts.put("seconds", seconds(events.getLast()));
        }
        facts.putAll(metrics(events));
        return facts;
    }

    private static double seconds(TrainingEvent event) {
        return switch (event) {
            case TrainingEvent.Step step -> step.seconds();
            case TrainingEvent.Evaluated evaluated -> evaluated.seconds();
            default -> 0;
        };
    }
}
