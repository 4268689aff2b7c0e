package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.tensor.Scope;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * AdamW whose learning rate falls from the head of a model to its first layer: that of depth d is
 * {@code rate decay^(depths - 1 - d)}. What a network has learnt before is most general near its input, and is changed
 * least there.
 *
 * @param rest for the deepest layer
 * @param decay from a layer to the one below, in (0, 1]
 * @param depths how many there are
 * @param depth of a parameter by its name, 0 for the first
 * @see <a href="https://arxiv.org/abs/2003.10555">Clark et al. 2020, appendix B</a>
 */
public record LayerDecay(AdamW.Config rest, double decay, int depths, ToIntFunction<String> depth)
        implements Optimizer.Config {
    public LayerDecay {
        if (!(decay > 0 && decay <= 1)) {
            throw new IllegalArgumentException("LayerDecay: decay must be in (0, 1], but it is " + decay);
        }
    }

    @Override
    public double learningRate() {
        return rest.learningRate();
    }

    /** The share of the learning rate that a parameter has. */
    public double share(String parameter) {
        return Math.pow(decay, depths - 1 - depth.applyAsInt(parameter));
    }

    @Override
    public AdamW create(Backend backend, Scope scope, Parameters parameters) {
        return new AdamW(rest, backend, scope, parameters, List.of(Role.values()), p -> share(p.name()));
    }
}
