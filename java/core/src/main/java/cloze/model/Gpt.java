package cloze.model;

import cloze.autograd.Tape;
import cloze.backend.Backend;
import cloze.nn.Block;
import cloze.nn.DecoderState;
import cloze.nn.Init;
import cloze.nn.KeyValueCache;
import cloze.nn.Linear;
import cloze.nn.Mlp;
import cloze.nn.Norm;
import cloze.nn.ParameterSource;
import cloze.nn.Role;
import cloze.nn.SelfAttention;
import cloze.op.Activation;
import cloze.op.AttentionMask;
import cloze.op.Dropout;
import cloze.op.Embedding;
import cloze.op.GatherTokens;
import cloze.op.MatMul;
import cloze.op.SoftmaxCrossEntropy;
import cloze.tensor.Scope;
import cloze.tensor.Shape;
import cloze.tensor.Tensor;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The generative pre-trained transformer: predicts each token from those before it. The loss is the negative
 * log-likelihood, {@code -sum_t log p(y_t | y_<t)}, here as a mean over tokens.
 *
 * <p>Parameters have the names of GPT-2's checkpoints; weights are [out, in]; GPT-2's are [in, out].
 *
 * @see <a href="https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf">
 *     Radford et al. 2019, section 2.3</a>
 * @see <a href="https://arxiv.org/abs/2005.14165">Brown et al. 2020, table 2.1</a>
 */
public final class Gpt implements CausalModel {
    private static final double STD = 0.02;
    private static final double POSITION_STD = 0.01;

    private final GptConfig config;
    private final Tensor tokens; // wte [V, D], embedding and output head
    private final Tensor head; // the same, padded
    private final @Nullable Tensor positions; // wpe [T, D]
    private final List<Block> blocks = new ArrayList<>();
    private final Norm last;
    private boolean recompute;

    public Gpt(GptConfig config, ParameterSource p) {
        this.config = config;
        int d = config.width();
        tokens = p.parameter("wte.weight", new Shape(config.vocabulary(), d), Role.TABLE, Init.normal(STD));
        head = p.padded(tokens);
        positions = config.style().positions() == GptConfig.Positions.LEARNED
                ? p.parameter("wpe.weight", new Shape(config.context(), d), Role.TABLE, Init.normal(POSITION_STD))
                : null;
        for (int i = 0; i < config.layers(); i++) {
            blocks.add(block(p.in("h." + i)));
        }
        last = norm(p.in("ln_f"));
    }

    private Block block(ParameterSource p) {
        return new Block(
                norm(p.in("ln_1")), attention(p.in("attn")), norm(p.in("ln_2")), mlp(p.in("mlp")), config.dropout());
    }

    private Norm norm(ParameterSource p) {
        return Norm.of(p, config.style().norm(), config.width(), GptConfig.EPSILON);
    }

    private SelfAttention attention(ParameterSource p) {
        int d = config.width();
        boolean bias = config.style().bias();
        Linear qkv = Linear.of(p.in("c_attn"), d, config.heads().fused(), bias, Init.normal(STD));
        Linear projection = Linear.of(p.in("c_proj"), config.heads().inner(), d, bias, residualInit());
        float theta = config.style().positions() == GptConfig.Positions.ROTARY ? GptConfig.THETA : 0;
        return new SelfAttention(qkv, projection, config.heads(), theta, config.dropout());
    }

    private Mlp mlp(ParameterSource p) {
        int d = config.width();
        Mlp.Kind kind = config.style().mlp();
        Linear expand =
                Linear.of(p.in("c_fc"), d, kind.expanded(d), config.style().bias(), Init.normal(STD));
        Linear contract =
                Linear.of(p.in("c_proj"), kind.hidden(d), d, config.style().bias(), residualInit());
        return new Mlp(expand, contract, kind);
    }

    /** The initial deviation of weights that add to the residual stream is smaller, since 2 L of them are summed. */
    private Init residualInit() {
        return Init.normal(STD / Math.sqrt(2.0 * config.layers()));
    }

    public GptConfig config() {
        return config;
    }

    @Override
    public int vocabulary() {
        return config.vocabulary();
    }

    @Override
    public int context() {
        return config.context();
    }

    /** True to recompute the blocks in {@code backward} instead of keeping their intermediate results. */
    public Gpt withRecompute(boolean again) {
        recompute = again;
        return this;
    }

    @Override
    public List<Tensor> losses(Tape tape, Tensor ids, Tensor targets) {
        Tensor logits = logits(tape, hidden(tape, ids, null), head);
        return tape.applyAll(new SoftmaxCrossEntropy(logits, targets, config.vocabulary()));
    }

    /** The first of {@link #losses}. */
    public Tensor loss(Tape tape, Tensor ids, Tensor targets) {
        return losses(tape, ids, targets).getFirst();
    }

    /** @return [B, T, V] */
    public Tensor logits(Tape tape, Tensor ids) {
        return logits(tape, hidden(tape, ids, null), tokens);
    }

    @Override
    public Tensor next(Tape tape, Tensor ids, Tensor ends, DecoderState state) {
        Tensor hidden = hidden(tape, ids, (KeyValueCache) state);
        return logits(tape, tape.apply(new GatherTokens(hidden, ends)), tokens);
    }

    /** @return [B, T, V], of tokens that have just been added to the cache */
    public Tensor logits(Tape tape, Tensor ids, KeyValueCache cache) {
        return logits(tape, hidden(tape, ids, cache), tokens);
    }

    @Override
    public KeyValueCache state(Backend backend, Scope scope, int batch, int capacity) {
        int width = config.heads().keyValues() * config.heads().width();
        return new KeyValueCache(backend, scope, config.layers(), batch, capacity, width);
    }

    private Tensor hidden(Tape tape, Tensor ids, @Nullable KeyValueCache cache) {
        Tensor x = tape.apply(new Embedding(ids, tokens, positions, cache == null ? null : cache.starts()));
        if (tape.recording() && config.dropout() > 0) {
            x = tape.apply(new Dropout(x, tape.dropout(config.dropout())));
        }
        List<Tensor> stream = List.of(x);
        for (int i = 0; i < blocks.size(); i++) {
            stream = block(tape, i, stream, cache);
        }
        return last.forward(tape, Norm.Residual.of(stream)).y();
    }

    private List<Tensor> block(Tape tape, int i, List<Tensor> stream, @Nullable KeyValueCache cache) {
        SelfAttention.View view = cache == null
                ? new SelfAttention.View.Batch(new AttentionMask.Causal())
                : new SelfAttention.View.Cache(cache.layer(i));
        Tape.Block block = (inner, inputs) ->
                blocks.get(i).forward(inner, Norm.Residual.of(inputs), view).tensors();
        return recompute ? tape.recompute("h." + i, stream, block) : tape.block("h." + i, stream, block);
    }

    private static Tensor logits(Tape tape, Tensor hidden, Tensor tokens) {
        return tape.apply(new MatMul(hidden, tokens, null, Activation.NONE));
    }
}
