package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.tensor.DType;
import cloze.tensor.Scope;
import cloze.tensor.Tensor;
import java.util.LinkedHashMap;
import java.util.SequencedMap;

/** The exponential moving average of the weights, {@code average = decay average + (1 - decay) weight}. */
public final class Ema {
    /** {@code ema_update}. */
    public interface Update {
        void call(Tensor weight, Tensor average, long n, float decay);
    }

    private final Backend backend;
    private final Parameters parameters;
    private final Tensor average;
    private final double decay;

    /**
     * Starts with the current weights.
     *
     * @param scope owns the average
     */
    public Ema(Backend backend, Scope scope, Parameters parameters, double decay) {
        this.backend = backend;
        this.parameters = parameters;
        this.decay = decay;
        average = scope.tensor("ema", parameters.weights().shape(), DType.F32);
        backend.copy(parameters.weights(), average);
    }

    /** Updates the average; called after each update of the weights. */
    public void update() {
        Tensor weights = parameters.weights();
        backend.kernel(Update.class).call(weights, average, weights.shape().size(), (float) decay);
    }

    /** Runs {@code work} with the averaged weights in the model, then restores the weights. */
    public void during(Runnable work) {
        try (Scope scope = backend.memory().scope("weights beside their average")) {
            Tensor weights = parameters.weights();
            Tensor kept = scope.tensor("weights", weights.shape(), DType.F32);
            backend.copy(weights, kept);
            backend.copy(average, weights);
            parameters.refresh();
            try {
                work.run();
            } finally {
                backend.copy(kept, weights);
                parameters.refresh();
            }
        }
    }

    /** The average of each parameter, by the parameter's name. */
    public SequencedMap<String, Tensor> averages() {
        var averages = new LinkedHashMap<String, Tensor>();
        for (Tensor parameter : parameters.tensors()) {
            averages.put(parameter.name(), parameters.slice(average, parameter));
        }
        return averages;
    }

    public long bytes() {
        return average.bytes();
    }
}
