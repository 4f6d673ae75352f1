"""What each field of a request and of an answer means: said here once, for every document that lists them."""

from credit_model.data.decisions import OPENING_BALANCE
from credit_model.scoring.scorer import BALANCE_BASIS, WHAT_WOULD_HELP

TRANSACTION = {
    "CustomerId": "the customer; a number is taken as its text and must be below 2^53",
    "TransactionStartTime": "when",
    "TransactionId": "the transaction; copies of one count once",
    "Amount": "positive is a debit from the customer, negative a credit to them; in the currency's major unit",
    "Value": "the absolute amount, with the fee where there is one; that of `Amount` where it is missing",
    "CurrencyCode": "the currency; one per customer, and that of the training",
    "ProductCategory": "a category of products",
    "ProductId": "the product",
    "ProviderId": "who provides the product",
    "ChannelId": "the channel, such as web or app",
    "PricingStrategy": "the pricing, as a category",
    "CountryCode": "the country",
    "BatchId": "what was booked together shares one",
    "AccountId": "the customer's account",
    "SubscriptionId": "the customer's subscription",
    "FraudResult": "1 if the transaction turned out to be a fraud, else 0",
    "Balance": "the account's balance after the transaction, in the customer's favour",
}
DECISION = {
    "as_of": "moment of the decision: only transactions before it count; overrides the parameter",
    OPENING_BALANCE.name: "the account's balance at the start of the observation window",
}
PARAMETER = {
    "as_of": "moment of the rows that give none",
    "one_row_per_decision": "refuse rows of single transactions; false unless given",
    WHAT_WOULD_HELP: "also look for the smallest change that reaches the next safer band; false unless given",
}
ANSWER = {
    "CustomerId": "who was asked about",
    "as_of": "the moment of the decision, to the microsecond, in UTC",
    "status": "`scored`, `no_history` (no transaction in the observation window) or `invalid`",
    "message": "null, or what is wrong, naming field and count, never a value",
    "probability": "calibrated probability of the target; null where nothing is known",
    "score": "points, higher is safer; 20 points double the odds of good, 600 is 50:1",
    "prediction": "1 where the probability reaches the model's threshold",
    "risk_level": "the band of the probability",
    "decision": "`approve`, `review` or `reject`; approve implies prediction 0, reject implies 1",
    "reasons": "up to four reasons, worst first, each with a code and a sentence for the applicant",
    "transaction_count": "transactions that counted",
    "target": "`rfm_proxy` or `observed_default`",
    "model_version": "first 12 hex digits of the artifact's manifest hash, also a tag of the registered version",
    WHAT_WOULD_HELP: "null unless asked for; the smallest change that reaches the next safer band",
    BALANCE_BASIS: "only of a model that reads the account's balance: `balance_column`, `opening_balance` or `given_rows`, "
    "where the decision was scored",
}
REASON = {
    "code": "of the topic; stable",
    "text": "a sentence for the applicant, true of this customer",
    "feature": "the feature that tells the reason: the one of the topic that raised the risk most among those of which "
    "something true can be said",
    "value": "its value as the sentence shows it, with its unit; null where it is missing",
    "typical": "what is typical of good customers: the middle half of their values in training, rounded outwards to two "
    "digits; of a text the most frequent ones; `none` where more than half of them have none",
    "points": "what all features of the topic together take off the score; positive",
}
