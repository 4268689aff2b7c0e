package cloze.optim;

import cloze.backend.Backend;
import cloze.nn.Parameters;
import cloze.nn.Role;
import cloze.tensor.Scope;
import java.util.List;
import java.util.function.ToIntFunction;

/**
 * AdamW with layer-wise learning rate decay: the learning rate at depth d is {@code rate decay^(depths - 1 - d)}.
 * Layers near the input hold the most general features, so they change least.
 *
 * @param rest AdamW's config; its learning rate is that of the deepest layer
 * @param decay factor from a layer to the one below, in (0, 1]
 * @param depths number of depths
 * @param depth depth of a parameter by its name, 0 for the first layer
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

    /** The factor of the learning rate for a parameter. */
    public double share(String parameter) {
        return Math.pow(decay, depths - 1 - depth.applyAsInt(parameter));
    }

    @Override
    public AdamW create(Backend backend, Scope scope, Parameters parameters) {
        return new AdamW(rest, backend, scope, parameters, List.of(Role.values()), p -> share(p.name()));
    }
}
