-- duckdb -c ".read analytics.sql" beside redeem.ndjson and issue.ndjson
create or replace view redeems as
select
  offer_id, request_id, type, outcome, reason, customer_id, code, till_id, replayed,
  cast(decided_at as timestamptz) as decided_at,
  cast(discount.amount as decimal(18, 2)) as discount,
  cast(bill.amount as decimal(18, 2)) as bill,
  redemption_id
from read_json('redeem.ndjson', format = 'newline_delimited', union_by_name = true, columns = {
  offer_id: 'varchar', request_id: 'varchar', type: 'varchar', outcome: 'varchar', reason: 'varchar',
  customer_id: 'varchar', code: 'varchar', till_id: 'varchar', replayed: 'boolean', decided_at: 'varchar',
  discount: 'struct(amount varchar)', bill: 'struct(amount varchar)', redemption_id: 'varchar'
})
where not replayed;

create or replace view issues as
select offer_id, customer_id, outcome, reason
from read_json('issue.ndjson', format = 'newline_delimited', union_by_name = true, columns = {
  offer_id: 'varchar', customer_id: 'varchar', outcome: 'varchar', reason: 'varchar', replayed: 'boolean', type: 'varchar'
})
where not replayed and type = 'issue';

create or replace view standing as
select * from redeems
where type = 'redeem' and outcome = 'accepted'
  and (offer_id, request_id) not in (
    select offer_id, redemption_id from redeems where type = 'reverse' and outcome = 'accepted'
  );

-- How each offer goes: issued, redeemed, what it cost and what was bought with it.
select
  i.offer_id, i.issued, coalesce(r.redeemed, 0) as redeemed,
  round(coalesce(r.redeemed, 0) / i.issued, 4) as rate, r.discounts, r.revenue, r.average_bill
from (select offer_id, count(*) as issued from issues where outcome = 'accepted' group by offer_id) i
left join (
  select offer_id, count(*) as redeemed, sum(discount) as discounts, sum(bill) as revenue, round(avg(bill), 2) as average_bill
  from standing group by offer_id
) r using (offer_id)
order by offer_id;

-- Why tills said no.
select offer_id, reason, count(*) as refusals
from redeems
where type = 'redeem' and outcome = 'rejected'
group by all
order by refusals desc, offer_id, reason;
